package settingstest

import (
	_ "embed"
)

//go:embed sample.yaml
var sampleFile string
