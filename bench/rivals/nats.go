package rivals

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
	nats "github.com/nats-io/nats.go"
)

// NATS starts a server in this process and returns a connection to it over
// net.Pipe, without a port, and what ends both.
func NATS() (*nats.Conn, func(), error) {
	ns, err := natsd.NewServer(&natsd.Options{DontListen: true, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, nil, err
	}
	go ns.Start()
	if !ns.ReadyForConnections(10 * time.Second) {
		return nil, nil, errors.New("the NATS server did not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		return nil, nil, err
	}
	return conn, func() {
		conn.Close()
		ns.Shutdown()
		ns.WaitForShutdown()
	}, nil
}

// overNATS has the clients and the service share the connection. A
// subscription handles one request at a time.
func overNATS() Asked {
	conn, stop, err := NATS()
	must(err)
	var st state
	_, err = conn.Subscribe("ask", func(m *nats.Msg) {
		a := st.ask(Message{binary.LittleEndian.Uint64(m.Data), binary.LittleEndian.Uint64(m.Data[8:])})
		_ = m.Respond(pair(a.Key, a.Sum))
	})
	must(err)
	must(conn.Flush())
	return Asked{
		Ask: func(ctx context.Context, m Message) (Answer, error) {
			r, err := conn.RequestWithContext(ctx, "ask", pair(m.Key, m.Value))
			if err != nil {
				return Answer{}, err
			}
			return Answer{binary.LittleEndian.Uint64(r.Data), binary.LittleEndian.Uint64(r.Data[8:])}, nil
		},
		Close: func() uint64 {
			stop()
			return st.sum
		},
	}
}

func pair(a, b uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(make([]byte, 0, 16), a), b)
}
