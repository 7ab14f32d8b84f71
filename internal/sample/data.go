package sample

// Listing is a place to rent.
type Listing struct {
	ID, Title, City, Kind string
	Beds, Price           int // price in euros a night
	Hue                   string
	X, Y                  int // on the map, in percent
}

var listings = []Listing{
	{"l1", "Loft by the canal", "Berlin", "Loft", 2, 96, "a", 71, 26},
	{"l2", "Garden flat", "Hamburg", "Apartment", 3, 84, "b", 48, 14},
	{"l3", "Old town studio", "Heidelberg", "Studio", 1, 61, "c", 38, 66},
	{"l4", "House on the dyke", "Husum", "House", 6, 142, "d", 40, 6},
	{"l5", "Roof terrace", "Leipzig", "Apartment", 4, 103, "e", 66, 42},
	{"l6", "Vineyard cabin", "Trier", "Cabin", 2, 74, "f", 20, 60},
	{"l7", "Harbour view", "Kiel", "Apartment", 2, 88, "b", 49, 8},
	{"l8", "Alpine chalet", "Garmisch", "House", 8, 210, "d", 57, 92},
	{"l9", "Artist's atelier", "Dresden", "Loft", 2, 79, "a", 78, 44},
	{"l10", "Forest hut", "Freiburg", "Cabin", 4, 92, "f", 28, 84},
	{"l11", "Square one", "Mannheim", "Studio", 1, 58, "c", 36, 63},
	{"l12", "Palace wing", "Potsdam", "Apartment", 5, 168, "e", 69, 28},
}

// Month is one bar of the reports.
type Month struct {
	Name             string
	Nights, Earnings int
}

var months = []Month{
	{"June", 212, 18400}, {"July", 288, 26100}, {"August", 301, 27900},
	{"September", 241, 20800}, {"October", 187, 15300}, {"November", 142, 11800},
}
