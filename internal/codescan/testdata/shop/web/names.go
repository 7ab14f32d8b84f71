package web

const newHome = "new-home" // used in another file

const shadowed = "never-used"
