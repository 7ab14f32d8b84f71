package changes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// editKinds are the names under which edits are stored.
func editKinds() map[string]Edit {
	return map[string]Edit{
		"put flag": PutFlag{}, "archive flag": ArchiveFlag{}, "set enabled": SetEnabled{}, "lift flag": LiftFlag{}, "set stage": SetStage{},
		"put segment": PutSegment{}, "remove segment": RemoveSegment{},
		"put plan": PutPlan{}, "remove plan": RemovePlan{},
		"put override": PutOverride{}, "remove override": RemoveOverride{},
		"recall": Recall{},
	}
}

// storedEdit is an edit as a request keeps it.
type storedEdit struct {
	Do   string          `json:"do"`
	What json.RawMessage `json:"what"`
}

func encodeEdits(edits []Edit) (string, error) {
	names := map[reflect.Type]string{}
	for name, edit := range editKinds() {
		names[reflect.TypeOf(edit)] = name
	}
	stored := make([]storedEdit, len(edits))
	for i, edit := range edits {
		what, err := json.Marshal(edit)
		if err != nil {
			return "", fmt.Errorf("edit of %s: %w", edit.item(), err)
		}
		stored[i] = storedEdit{names[reflect.TypeOf(edit)], what}
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

// decodeEdits reads what encodeEdits wrote. What it does not know it refuses: half an edit would be another one than
// what was approved.
func decodeEdits(text string) ([]Edit, error) {
	var stored []storedEdit
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("stored edits cannot be read: %w", err)
	}
	kinds := editKinds()
	edits := make([]Edit, len(stored))
	for i, s := range stored {
		kind, ok := kinds[s.Do]
		if !ok {
			return nil, fmt.Errorf("stored edits cannot be read: %q is no edit that this version knows", s.Do)
		}
		into := reflect.New(reflect.TypeOf(kind))
		d := json.NewDecoder(bytes.NewReader(s.What))
		d.DisallowUnknownFields()
		if err := d.Decode(into.Interface()); err != nil {
			return nil, fmt.Errorf("stored edits cannot be read: %s: %w", s.Do, err)
		}
		edits[i] = into.Elem().Interface().(Edit)
	}
	return edits, nil
}
