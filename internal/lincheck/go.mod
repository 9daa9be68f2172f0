module github.com/sparkpipe/sparkpipe/internal/lincheck

go 1.22

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/sparkpipe/sparkpipe v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/alphadose/zenq/v2 v2.8.4 // indirect
	golang.org/x/time v0.10.0 // indirect
)

replace github.com/sparkpipe/sparkpipe => ../..
