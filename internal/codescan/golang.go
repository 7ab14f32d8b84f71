package codescan

import (
	"cmp"
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// goFolder is the Go code of one folder: a package, perhaps its external tests, and whatever build tags keep apart.
type goFolder struct {
	set     *token.FileSet
	files   []*ast.File
	names   []string // of the files
	checked map[string]*types.Package
	info    *types.Info
	busy    bool
}

// addGo parses a file. What can be read of one that does not compile is looked at.
func (s *scanner) addGo(name, text string) {
	folder := s.packages[path.Dir(name)]
	if folder == nil {
		folder = &goFolder{set: token.NewFileSet()}
		s.packages[path.Dir(name)] = folder
	}
	file, err := parser.ParseFile(folder.set, name, text, parser.SkipObjectResolution)
	if err != nil {
		s.leave(name, "it is no Go that can be read")
	}
	if file != nil {
		folder.files, folder.names = append(folder.files, file), append(folder.names, name)
	}
}

// scanGo looks at all Go code, once all of it is known: constants may stand in other files and packages.
func (s *scanner) scanGo() {
	for _, dir := range slices.Sorted(maps.Keys(s.packages)) {
		folder := s.packages[dir]
		s.check(dir, folder)
		for i, file := range folder.files {
			g := &goFile{scanner: s, folder: folder, name: folder.names[i], imports: importsOf(file), values: map[string]bool{}}
			ast.Inspect(file, g.learn)
			ast.Inspect(file, g.visit)
		}
	}
}

// check finds out the values of constants. Most imports are not there, so nearly everything else fails, which is ignored.
func (s *scanner) check(dir string, folder *goFolder) {
	if folder.info != nil {
		return
	}
	folder.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	folder.checked = map[string]*types.Package{}
	folder.busy = true
	defer func() { folder.busy = false }()
	byPackage := map[string][]*ast.File{}
	for _, file := range folder.files {
		byPackage[file.Name.Name] = append(byPackage[file.Name.Name], file)
	}
	config := types.Config{Importer: importer{s}, Error: func(error) {}, FakeImportC: true, DisableUnusedImportCheck: true}
	for _, name := range slices.Sorted(maps.Keys(byPackage)) {
		folder.checked[name] = checkSafely(config, dir, folder, byPackage[name])
	}
}

// checkSafely survives code that the type checker cannot bear: its constants are unknown then.
func checkSafely(config types.Config, dir string, folder *goFolder, files []*ast.File) (checked *types.Package) {
	defer func() {
		if recover() != nil {
			checked = nil
		}
	}()
	checked, _ = config.Check(dir, folder.set, files, folder.info)
	return checked
}

// importer finds packages of the module itself, for their constants.
type importer struct{ *scanner }

var errElsewhere = errors.New("not part of what is scanned")

func (m importer) Import(name string) (*types.Package, error) {
	dir, ours := strings.CutPrefix(name, m.module)
	if m.module == "" || !ours || dir != "" && dir[0] != '/' {
		return nil, errElsewhere
	}
	dir = cmp.Or(strings.TrimPrefix(dir, "/"), ".")
	folder := m.packages[dir]
	if folder == nil || folder.busy {
		return nil, errElsewhere
	}
	m.check(dir, folder)
	for _, name := range slices.Sorted(maps.Keys(folder.checked)) {
		if p := folder.checked[name]; p != nil && !strings.HasSuffix(name, "_test") && p.Name() != "main" {
			return p, nil
		}
	}
	return nil, errElsewhere
}

// goFile is one file being looked at.
type goFile struct {
	*scanner
	folder  *goFolder
	name    string
	imports map[string]string // path by the name that the file uses
	values  map[string]bool   // names of variables, parameters and fields that hold a request's values
}

func importsOf(file *ast.File) map[string]string {
	imports := map[string]string{}
	for _, spec := range file.Imports {
		where, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(where)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = where
	}
	return imports
}

// ours names the package of this module that an expression names; empty: none.
func (g *goFile) ours(x ast.Expr) string {
	ident, ok := x.(*ast.Ident)
	if !ok {
		return ""
	}
	where := g.imports[ident.Name]
	for _, name := range []string{"middleware", "flagtest", "ruleset", "service"} {
		if strings.HasSuffix(where, "/flags/"+name) {
			return name
		}
	}
	return ""
}

// learn notes what holds a request's values, by its declared type or by what it is set to.
func (g *goFile) learn(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Field:
		if g.isValues(n.Type) {
			for _, name := range n.Names {
				g.values[name.Name] = true
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if g.isValues(n.Type) || i < len(n.Values) && g.givesValues(n.Values[i]) {
				g.values[name.Name] = true
			}
		}
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if name, ok := to.(*ast.Ident); ok && len(n.Rhs) > 0 && g.givesValues(n.Rhs[min(i, len(n.Rhs)-1)]) {
				g.values[name.Name] = true
			}
		}
	}
	return true
}

// isValues reports whether a type is middleware.Flags or ruleset.Values.
func (g *goFile) isValues(x ast.Expr) bool {
	if star, ok := x.(*ast.StarExpr); ok {
		x = star.X
	}
	selector, ok := x.(*ast.SelectorExpr)
	return ok && (g.ours(selector.X) == "middleware" && selector.Sel.Name == "Flags" || g.ours(selector.X) == "ruleset" && selector.Sel.Name == "Values")
}

// givesValues reports whether an expression is a request's values: middleware.From(c), flags.Values(…), .Evaluate(…).
func (g *goFile) givesValues(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	name := selector.Sel.Name
	return name == "From" && g.ours(selector.X) == "middleware" || (name == "Values" || name == "Evaluate") && len(call.Args) > 0
}

// visit looks at calls.
func (g *goFile) visit(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return true
	}
	method := selector.Sel.Name
	switch of := g.ours(selector.X); {
	case of == "middleware" && method == "On":
		g.uses(call, 1, "middleware.On")
	case of == "middleware" && method == "Require":
		g.uses(call, 0, "middleware.Require")
	case of == "flagtest" && (method == "With" || method == "Middleware" || method == "Definition"):
		for i := 1; i < len(call.Args); i += 2 {
			g.uses(call, i, "flagtest."+method)
		}
	case of == "flagtest" && method == "Both":
		g.uses(call, 1, "flagtest.Both")
	case of != "":
	case method == "IsFeatureEnabled" && len(call.Args) == 3:
		g.uses(call, 2, "IsFeatureEnabled")
	case asks(method) && len(call.Args) > 0 && g.holdsValues(selector.X):
		g.uses(call, 0, "."+method)
	}
	return true
}

// holdsValues reports whether an expression is a request's values, as far as names and what they are set to tell.
func (g *goFile) holdsValues(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return g.holdsValues(x.X)
	case *ast.Ident:
		return g.values[x.Name]
	case *ast.SelectorExpr:
		return x.Sel.Name == "Flags" || x.Sel.Name == "Values" || g.values[x.Sel.Name]
	}
	return g.givesValues(x)
}

// uses notes the argument of a call that is a flag's key.
func (g *goFile) uses(call *ast.CallExpr, argument int, what string) {
	if argument >= len(call.Args) {
		return
	}
	arg := call.Args[argument]
	g.found(Use{Key: g.text(arg), Path: g.name, Line: g.folder.set.Position(arg.Pos()).Line, Language: Go, Call: what})
}

// text is the value of an expression that is constant; empty if it is not.
func (g *goFile) text(x ast.Expr) string {
	if value := g.folder.info.Types[x].Value; value != nil && value.Kind() == constant.String {
		return constant.StringVal(value)
	}
	if paren, ok := x.(*ast.ParenExpr); ok {
		return g.text(paren.X)
	}
	if literal, ok := x.(*ast.BasicLit); ok && literal.Kind == token.STRING {
		text, _ := strconv.Unquote(literal.Value)
		return text
	}
	return ""
}
