package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// usage is how much processor time was used until some moment.
type usage struct {
	at       time.Time
	all, own time.Duration
}

// jiffy is the unit of /proc/stat, on all architectures that matter.
const jiffy = 10 * time.Millisecond

// used reads how much processor time all processes of the machine have used,
// and this one with those it waited for.
func used() (usage, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return usage{}, err
	}
	// "cpu user nice system idle iowait irq softirq steal ...": all but the two
	// that are idle.
	line, _, _ := strings.Cut(string(stat), "\n")
	var user, nice, system, idle, iowait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal); err != nil {
		return usage{}, fmt.Errorf("/proc/stat: %w", err)
	}
	u := usage{at: time.Now(), all: time.Duration(user+nice+system+irq+softirq+steal) * jiffy}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			return usage{}, err
		}
		u.own += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return u, nil
}

// foreign returns how many cores others have used between two moments.
func foreign(from, to usage) (float64, error) {
	span := to.at.Sub(from.at)
	if span <= 0 {
		return 0, errors.New("no time has passed")
	}
	return max(0, float64((to.all-from.all)-(to.own-from.own))/float64(span)), nil
}
