package views

import (
	"net/url"
	"strconv"
)

// Pager leads through the pages of a list. Its links keep everything else of the address.
type Pager struct {
	From, To, Total int // which ones are shown, from 1
	Previous, Next  string
}

// PagerOf makes a pager of a list of total entries, size to a page, at the address u, whose query names the page.
// It gives the range to show, as slice indices.
func PagerOf(u *url.URL, total, size int) (p Pager, from, to int) {
	page, err := strconv.Atoi(u.Query().Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	page = min(page, max(1, (total+size-1)/size))
	from, to = (page-1)*size, min(page*size, total)
	p = Pager{From: min(from+1, total), To: to, Total: total}
	if page > 1 {
		p.Previous = pageURL(u, page-1)
	}
	if to < total {
		p.Next = pageURL(u, page+1)
	}
	return p, from, to
}

func pageURL(u *url.URL, page int) string {
	query := u.Query()
	query.Set("page", strconv.Itoa(page))
	if page == 1 {
		query.Del("page")
	}
	at := url.URL{Path: u.Path, RawQuery: query.Encode()}
	return at.String()
}
