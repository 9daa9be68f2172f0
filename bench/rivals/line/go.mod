module github.com/sparkpipe/sparkpipe/bench/rivals/line

go 1.22

require github.com/sparkpipe/sparkpipe v0.0.0

require github.com/alphadose/zenq/v2 v2.8.4

replace github.com/sparkpipe/sparkpipe => ../../..
