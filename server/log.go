package server

import (
	"context"
	"log/slog"
)

// guarded is the Handler of Options.Logger: if that panics, it stops nothing. It is
// called where others wait for what comes next.
type guarded struct{ slog.Handler }

func guardedLogger(l *slog.Logger) *slog.Logger { return slog.New(guarded{l.Handler()}) }

func (g guarded) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	defer func() { _ = recover() }()
	return g.Handler.Enabled(ctx, level)
}

func (g guarded) Handle(ctx context.Context, r slog.Record) error {
	defer func() { _ = recover() }()
	return g.Handler.Handle(ctx, r)
}

func (g guarded) WithAttrs(attrs []slog.Attr) slog.Handler {
	return guarded{g.Handler.WithAttrs(attrs)}
}

func (g guarded) WithGroup(name string) slog.Handler { return guarded{g.Handler.WithGroup(name)} }
