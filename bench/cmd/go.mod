module github.com/sparkpipe/sparkpipe/bench/cmd

go 1.22

require (
	github.com/HdrHistogram/hdrhistogram-go v1.1.2
	github.com/schollz/progressbar/v3 v3.19.0
	github.com/sparkpipe/sparkpipe v0.0.0
	github.com/stretchr/testify v1.11.1
	golang.org/x/sync v0.11.0
	golang.org/x/term v0.28.0
)

require (
	github.com/alphadose/zenq/v2 v2.8.4 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/panjf2000/ants/v2 v2.12.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	golang.org/x/sys v0.29.0 // indirect
	golang.org/x/time v0.10.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/sparkpipe/sparkpipe => ../..
