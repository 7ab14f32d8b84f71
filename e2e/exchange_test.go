package e2e

import (
	"context"
	"net/http"
)

// exchange is a request that a browser made and the head of the answer that it got.
type exchange struct {
	*http.Request
	status int
	answer http.Header
}

// remembering keeps every exchange of an app.
func remembering(app http.Handler, keep func(exchange)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Clone(context.Background())
		noted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		app.ServeHTTP(noted, r)
		keep(exchange{asked, noted.status, w.Header().Clone()})
	})
}

// with gives the exchanges with a path; all with "".
func with(all []exchange, path string) []exchange {
	var out []exchange
	for _, e := range all {
		if path == "" || e.URL.Path == path {
			out = append(out, e)
		}
	}
	return out
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
