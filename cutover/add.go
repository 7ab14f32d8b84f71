package cutover

// Add makes an entity one of those that the instance moves. All are to be added before Run. The flag need not be
// known yet, nor any database be up: until its stage is known, the entity reads and writes nothing, and Ready says so.
func Add[Q, R, C, V any](c *Cutover, config Config[Q, R, C, V]) (*Entity[Q, R, C, V], error) {
	if config.Journal == nil {
		config.Journal = c.journal
	}
	if config.Logger == nil {
		config.Logger = c.log
	}
	r := c.newRouter(config.Flag)
	e, err := NewEntity(config, r)
	if err != nil {
		return nil, err
	}
	if err := c.add(config.Flag, e, r); err != nil {
		return nil, err
	}
	return e, nil
}
