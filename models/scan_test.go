package models

import "testing"

func TestPiecesOfRowsStayWithinBoundsHoweverManyThereAre(t *testing.T) {
	for n := range 1_000_000 {
		if size := piece(n); size < 16 || size > 1024 {
			t.Fatalf("piece %d takes %d rows", n, size)
		}
	}
}
