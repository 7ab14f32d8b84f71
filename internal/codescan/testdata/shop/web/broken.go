package web

func broken() { flags.On(c, "half
