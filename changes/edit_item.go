package changes

func (e PutFlag) item() Item {
	if e.Flag == nil {
		return Item{Kind: ItemAbout, Key: e.About.Key}
	}
	return Item{Kind: ItemFlag, Key: e.Flag.Key}
}

func (e ArchiveFlag) item() Item    { return Item{Kind: ItemFlag, Key: e.Key} }
func (e SetEnabled) item() Item     { return Item{Kind: ItemFlag, Key: e.Key} }
func (e LiftFlag) item() Item       { return Item{Kind: ItemFlag, Key: e.Key} }
func (e PutSegment) item() Item     { return Item{Kind: ItemSegment, Key: e.Segment.Key} }
func (e RemoveSegment) item() Item  { return Item{Kind: ItemSegment, Key: e.Key} }
func (e PutPlan) item() Item        { return Item{Kind: ItemPlan, Key: e.Plan.Key} }
func (e RemovePlan) item() Item     { return Item{Kind: ItemPlan, Key: e.Key} }
func (e PutOverride) item() Item    { return keyOf(e.Override).item() }
func (e RemoveOverride) item() Item { return overrideKey{e.Flag, e.Tenant, e.User}.item() }
func (Recall) item() Item           { return Item{Kind: ItemEnvironment} }

func (e PutFlag) rebased(base int64) Edit        { e.Base = base; return e }
func (e ArchiveFlag) rebased(base int64) Edit    { e.Base = base; return e }
func (e SetEnabled) rebased(int64) Edit          { return e }
func (e LiftFlag) rebased(base int64) Edit       { e.Base = base; return e }
func (e PutSegment) rebased(base int64) Edit     { e.Base = base; return e }
func (e RemoveSegment) rebased(base int64) Edit  { e.Base = base; return e }
func (e PutPlan) rebased(base int64) Edit        { e.Base = base; return e }
func (e RemovePlan) rebased(base int64) Edit     { e.Base = base; return e }
func (e PutOverride) rebased(base int64) Edit    { e.Base = base; return e }
func (e RemoveOverride) rebased(base int64) Edit { e.Base = base; return e }
func (e Recall) rebased(int64) Edit              { return e }
