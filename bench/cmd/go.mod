module github.com/sparkpipe/sparkpipe/bench/cmd

go 1.22.0

require (
	github.com/HdrHistogram/hdrhistogram-go v1.1.2
	github.com/schollz/progressbar/v3 v3.19.0
	github.com/sparkpipe/sparkpipe v0.0.0
	github.com/stretchr/testify v1.11.1
	golang.org/x/perf v0.0.0-20230113213139-801c7ef9e5c5
	go.uber.org/goleak v1.3.0
	golang.org/x/sync v0.11.0
	golang.org/x/term v0.28.0
	gonum.org/v1/plot v0.15.2
)

require (
	codeberg.org/go-fonts/liberation v0.4.1 // indirect
	codeberg.org/go-latex/latex v0.0.1 // indirect
	codeberg.org/go-pdf/fpdf v0.10.0 // indirect
	git.sr.ht/~sbinet/gg v0.6.0 // indirect
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	github.com/ajstarks/svgo v0.0.0-20211024235047-1546f124cd8b // indirect
	github.com/alphadose/zenq/v2 v2.8.4 // indirect
	github.com/campoy/embedmd v1.0.0 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/golang/freetype v0.0.0-20170609003504-e2365dfdc4a0 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/panjf2000/ants/v2 v2.12.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	golang.org/x/image v0.24.0 // indirect
	golang.org/x/sys v0.30.0 // indirect
	golang.org/x/text v0.22.0 // indirect
	golang.org/x/time v0.10.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace github.com/sparkpipe/sparkpipe => ../..
