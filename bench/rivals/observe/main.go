// Command observe shows what README.md says of the rivals: how much of a
// processor each takes while nothing happens, and what goes wrong with it.
//
//	go run ./observe idle
//	go run ./observe faults
package main

import (
	"fmt"
	"os"
)

func main() {
	mode := ""
	if len(os.Args) == 2 {
		mode = os.Args[1]
	}
	switch mode {
	case "idle":
		idle()
	case "faults":
		faults()
	default:
		fmt.Fprintln(os.Stderr, "usage: observe idle | faults")
		os.Exit(2)
	}
}
