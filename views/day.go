package views

import "time"

// Day writes a day for people: 2026-11-02 is 2 Nov 2026. What is no day stays as it is.
func Day(text string) string {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return text
	}
	return day.Format("2 Jan 2006")
}
