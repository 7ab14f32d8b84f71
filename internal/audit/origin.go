package audit

import "context"

// Sources are where something can be done from.
const (
	Page    = "page"
	API     = "api"
	Command = "command"
)

// Origin is who asks and from where.
type Origin struct {
	Source  string // Page, API or Command
	Address string // of the browser or program
	Agent   string // what it says that it is
	Actor   string
	ActorID string
	Token   string // the id of the API token
}

type originKey struct{}

// From makes a context in which what is done comes from there.
func From(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// OriginOf is where what is done under the context comes from.
func OriginOf(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}
