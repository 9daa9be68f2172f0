// Package arrows has no code: its test holds the direction of the imports
// between the packages of this module.
package arrows

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/sparkpipe/sparkpipe/"

const (
	internal = module + "internal/"
	ants     = "github.com/panjf2000/ants/v2"
	zenq     = "github.com/alphadose/zenq/v2"
)

// may says what each package may import, apart from the standard library and,
// but for internal packages' own rules, internal/*.
var may = map[string][]string{
	"queue":           {zenq},
	"queue/queuetest": {module + "queue"},
	"pool":            {module + "queue", ants},
	"dispatcher":      {module + "queue"},
	"server":          {module + "queue", module + "dispatcher"},
	"pprof":           {},
}

type pkg struct {
	ImportPath, Dir         string
	GoFiles, IgnoredGoFiles []string
	Imports                 []string
}

// packages lists the packages of the main module, whatever go.work says.
func packages(t *testing.T) []pkg {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,Imports", module+"...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var ps []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return ps
		}
		require.NoError(t, err)
		ps = append(ps, p)
	}
}

// imports returns what the package imports under any build tag.
func (p pkg) imports(t *testing.T) []string {
	all := slices.Clone(p.Imports)
	for _, name := range p.IgnoredGoFiles {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, i := range f.Imports {
			all = append(all, strings.Trim(i.Path.Value, `"`))
		}
	}
	return all
}

func TestArrows(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		top, _, _ := strings.Cut(name, "/")
		if top == "bench" || strings.HasPrefix(name, "internal/docs") {
			continue // may import everything: measurements, and the documents' code
		}
		if len(p.GoFiles)+len(p.IgnoredGoFiles) == 0 {
			continue // tests only: nobody can import them
		}
		allowed, known := may[name]
		require.True(t, known || top == "internal", "package %s has no place in the layout", name)
		seen++
		for _, i := range p.imports(t) {
			first, _, _ := strings.Cut(i, "/")
			switch {
			case !strings.Contains(first, "."): // the standard library
			case strings.HasPrefix(i, internal): // internal packages import each other only
				require.True(t, top != "pprof", "%s imports %s", name, i)
			case !slices.Contains(allowed, i):
				t.Errorf("%s must not import %s", name, i)
			}
		}
	}
	require.GreaterOrEqual(t, seen, len(may)-1)
}

// No exported declaration of a public package mentions a type of an internal
// package or of ants.
func TestExportedSignatures(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if _, public := may[name]; !public {
			continue
		}
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, 0)
			require.NoError(t, err)
			hidden := map[string]bool{}
			for _, i := range f.Imports {
				path := strings.Trim(i.Path.Value, `"`)
				if strings.HasPrefix(path, internal) || path == ants {
					base := filepath.Base(strings.TrimSuffix(path, "/v2"))
					hidden[base] = true
				}
			}
			for _, d := range f.Decls {
				checkDecl(t, name+"/"+file, d, hidden)
			}
		}
	}
}

func checkDecl(t *testing.T, where string, d ast.Decl, hidden map[string]bool) {
	check := func(n ast.Node, what string) {
		if n == nil {
			return
		}
		ast.Inspect(n, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && hidden[x.Name] {
					t.Errorf("%s: %s mentions %s.%s", where, what, x.Name, sel.Sel.Name)
				}
			}
			return true
		})
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() {
			check(d.Type, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			ts, ok := s.(*ast.TypeSpec)
			if !ok || !ts.Name.IsExported() {
				continue
			}
			st, ok := ts.Type.(*ast.StructType)
			if !ok {
				check(ts.Type, ts.Name.Name)
				continue
			}
			for _, field := range st.Fields.List {
				for _, n := range field.Names {
					if n.IsExported() {
						check(field.Type, ts.Name.Name+"."+n.Name)
					}
				}
			}
		}
	}
}
