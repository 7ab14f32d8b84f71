package build_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/assets/build"
)

const root = "../.."

// budget is what the client may cost a page: bytes after brotli at its best.
const budget = 950

func TestTheCommittedClientIsWhatItsSourceBuilds(t *testing.T) {
	built := rebuilt(t)
	if assets.ClientName != built.Name || assets.Client() != string(built.Script) || assets.ClientCSPHash != built.CSPHash() {
		t.Errorf("assets embeds %s, its source builds %s: run go generate ./assets", assets.ClientName, built.Name)
	}
	source, err := built.Embedding()
	if err != nil {
		t.Fatal(err)
	}
	if committed := contents(t, "assets/client.go"); !bytes.Equal(committed, source) {
		t.Error("assets/client.go is not what the generator writes: run go generate ./assets")
	}
}

func TestNoFileOfAnEarlierBuildIsLeft(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "assets/dist/client.*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || filepath.Base(files[0]) != assets.ClientName {
		t.Errorf("assets/dist holds %v, want only %s", files, assets.ClientName)
	}
}

func TestTheClientKeepsToItsBudget(t *testing.T) {
	script := rebuilt(t).Script
	var squeezed bytes.Buffer
	w := brotli.NewWriterLevel(&squeezed, brotli.BestCompression)
	if _, err := w.Write(script); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, %d after brotli", len(script), squeezed.Len())
	if squeezed.Len() > budget {
		t.Errorf("the client is %d bytes after brotli, its budget is %d", squeezed.Len(), budget)
	}
}

func TestWritingReplacesEarlierBuilds(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, "jsclient"), os.DirFS(filepath.Join(root, "jsclient"))); err != nil {
		t.Fatal(err)
	}
	if err := build.Write(copied); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(copied, "assets/dist/client.00000000.js"), "stale")
	write(t, filepath.Join(copied, "jsclient/flags.d.ts"), "// types leave no trace in the bundle")
	if err := build.Write(copied); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(copied, "assets/dist"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].Name() != assets.ClientName {
		t.Errorf("assets/dist holds %v, want only %s, wherever the repository stands", files, assets.ClientName)
	}
}

func TestABundleThatCouldNotStandInAPageIsRefused(t *testing.T) {
	// esbuild escapes "</script" by itself, but not these, which hide the end of the element from an HTML parser.
	for _, hostile := range []string{"<SCRIPT>", "<!-- "} {
		copied := t.TempDir()
		write(t, filepath.Join(copied, "jsclient/client.ts"), "console.log(`"+hostile+"`)")
		if client, err := build.Client(copied); err == nil {
			t.Errorf("%q was built into %s", hostile, client.Script)
		}
	}
}

func TestAMistakeInTheSourceIsNamedWithItsPlace(t *testing.T) {
	copied := t.TempDir()
	write(t, filepath.Join(copied, "jsclient/client.ts"), "const a = 1;\nconst a = 2;\n")
	_, err := build.Client(copied)
	if err == nil || !strings.Contains(err.Error(), "jsclient/client.ts:2:") {
		t.Errorf("got %v, want the file and the line", err)
	}
}

func rebuilt(t *testing.T) build.Bundle {
	t.Helper()
	client, err := build.Client(root)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
