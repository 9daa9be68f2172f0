package server

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"
)

// Mux is a Handler that chooses by the type of the message, so that one server
// can have messages and replies of many types, as in the Rust crate
// spark-channel:
//
//	var mux server.Mux
//	server.RouteRequest(&mux, func(ctx context.Context, q GetData) ([]uint32, error) { … })
//	server.RouteCommand(&mux, func(ctx context.Context, c LogEvent) error { … })
//	srv, err := server.New(&mux, server.Options{})
//	…
//	data, err := dispatcher.As[[]uint32](d.Request(ctx, GetData{ID: 1}))
//
// The zero value has no routes and answers ErrNoHandler to everything. Routes
// can be added at any time, while it serves too. Messages and replies travel
// as interfaces, which allocates for most types; a handler of one type does
// not.
//
// A Mux must not be copied.
type Mux struct {
	mu     sync.Mutex // of those who add routes
	routes atomic.Pointer[map[reflect.Type]route]
}

// route is what is known for one type of message.
type route struct {
	request func(context.Context, any) (any, error)
	command func(context.Context, any) error
	offload bool
	key     func(any) (uint64, bool)
	keyed   reflect.Type // the type that key takes
}

// RouteOption is an option of RouteRequest and RouteCommand.
type RouteOption func(*route)

// Offload sends messages of the route's type to Options.Pool, where they run beside
// all others: they must not touch the handler's state without a lock, see
// Offloader. It goes by the type of the message: if a request and a command have
// one type, it holds for both if either route has it.
func Offload() RouteOption { return func(r *route) { r.offload = true } }

// Key gives messages of the route's type a key, see Keyer. It has an effect with
// Offload only. If a request and a command have one type, it holds for both, and
// the Key that was added last counts. T must be the route's type, or RouteRequest
// and RouteCommand panic. A nil f panics.
func Key[T any](f func(T) (key uint64, ok bool)) RouteOption {
	if f == nil {
		panic("server: Key: nil function")
	}
	return func(r *route) {
		r.key = func(msg any) (uint64, bool) { return f(msg.(T)) }
		r.keyed = reflect.TypeFor[T]()
	}
}

// RouteRequest has f handle the requests of type Req. It panics if f is nil, if
// Req is an interface type, or if m has a route for requests of this type.
func RouteRequest[Req, Resp any](m *Mux, f func(context.Context, Req) (Resp, error), opts ...RouteOption) {
	typ := routable[Req]("request", f == nil)
	m.add(typ, opts, func(r *route) {
		if r.request != nil {
			panic(fmt.Sprintf("server: duplicate request route for %v", typ))
		}
		r.request = func(ctx context.Context, msg any) (any, error) { return f(ctx, msg.(Req)) }
	})
}

// RouteCommand has f handle the commands of type Cmd. It panics if f is nil, if
// Cmd is an interface type, or if m has a route for commands of this type.
func RouteCommand[Cmd any](m *Mux, f func(context.Context, Cmd) error, opts ...RouteOption) {
	typ := routable[Cmd]("command", f == nil)
	m.add(typ, opts, func(r *route) {
		if r.command != nil {
			panic(fmt.Sprintf("server: duplicate command route for %v", typ))
		}
		r.command = func(ctx context.Context, msg any) error { return f(ctx, msg.(Cmd)) }
	})
}

func routable[T any](kind string, isNil bool) reflect.Type {
	typ := reflect.TypeFor[T]()
	switch {
	case isNil:
		panic(fmt.Sprintf("server: nil function for the %s route of %v", kind, typ))
	case typ.Kind() == reflect.Interface:
		panic(fmt.Sprintf("server: %s route of %v: messages are routed by their concrete types, and this is an interface", kind, typ))
	}
	return typ
}

// add replaces the table by one with the new route, so that those who read it
// need no lock.
func (m *Mux) add(typ reflect.Type, opts []RouteOption, set func(*route)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	routes := make(map[reflect.Type]route)
	if old := m.routes.Load(); old != nil {
		maps.Copy(routes, *old)
	}
	r := routes[typ]
	set(&r)
	for _, o := range opts {
		o(&r)
	}
	if r.key != nil && r.keyed != typ {
		panic(fmt.Sprintf("server: Key of %v for a route of %v", r.keyed, typ))
	}
	routes[typ] = r
	m.routes.Store(&routes)
}

func (m *Mux) route(msg any) route {
	if routes := m.routes.Load(); routes != nil {
		return (*routes)[reflect.TypeOf(msg)]
	}
	return route{}
}

// HandleRequest has the route of req's type handle it. Without one the error
// is ErrNoHandler, and its text names the type.
func (m *Mux) HandleRequest(ctx context.Context, req any) (any, error) {
	if r := m.route(req); r.request != nil {
		return r.request(ctx, req)
	}
	return nil, fmt.Errorf("%w for a request of type %T", ErrNoHandler, req)
}

// HandleCommand has the route of cmd's type handle it. Without one the error
// is ErrNoHandler, and its text names the type.
func (m *Mux) HandleCommand(ctx context.Context, cmd any) error {
	if r := m.route(cmd); r.command != nil {
		return r.command(ctx, cmd)
	}
	return fmt.Errorf("%w for a command of type %T", ErrNoHandler, cmd)
}

// Offload reports whether a route of msg's type was added with Offload.
func (m *Mux) Offload(msg any) bool { return m.route(msg).offload }

// Key returns msg's key by the Key of its route, if it has one.
func (m *Mux) Key(msg any) (key uint64, ok bool) {
	if r := m.route(msg); r.key != nil {
		return r.key(msg)
	}
	return 0, false
}
