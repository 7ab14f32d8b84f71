flags.isEnabled("skipped-folder")
