package broker

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestKeysOutliveWhatTheyMade reads every lifetime of limits.go, so that one
// that is added is not forgotten where keys are retired.
func TestKeysOutliveWhatTheyMade(t *testing.T) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, "limits.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	conf := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	pkg, err := conf.Check("broker", files, []*ast.File{parsed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !strings.HasSuffix(name, "TTL") && name != "requestMost" {
			continue
		}
		seen++
		n, _ := constant.Int64Val(c.Val())
		outlives, most := "OpensFor", OpensFor
		if name == "idTokenTTL" {
			outlives, most = "VerifiesFor", VerifiesFor
		}
		if life := time.Duration(n); life >= most {
			t.Errorf("%s is %v and %s %v: add it there", name, life, outlives, most)
		}
	}
	if seen < 10 {
		t.Errorf("read %d lifetimes, want all of them", seen)
	}
}

func TestTheJWKSMayBeKeptAsLongAsRotationBelieves(t *testing.T) {
	w := httptest.NewRecorder()
	newWorld(t).h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, issuer+"/jwks", nil))
	if got, want := w.Header().Get("Cache-Control"), "public, max-age=300"; got != want || JWKSAge != 300*time.Second {
		t.Errorf("got %q and %v, want %q of both", got, JWKSAge, want)
	}
}
