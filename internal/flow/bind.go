package flow

import (
	"maps"
	"slices"
)

// bindNames gives every data key and payload key of the file its meaning.
func (d *draft) bindNames() {
	d.payload = map[string]bool{}
	used := map[string]bool{}
	for _, s := range d.screens {
		for _, f := range s.Data {
			used[f.Key] = true
		}
		for _, a := range s.actions {
			for key := range a.payload {
				used[key], d.payload[key] = true, true
			}
		}
	}
	d.checkBind(used)
	for _, s := range d.screens {
		for i := range s.Data {
			d.bindField(s, &s.Data[i])
		}
		for i := range s.actions {
			d.bindAction(&s.actions[i])
		}
	}
}

func (d *draft) checkBind(used map[string]bool) {
	for _, key := range slices.Sorted(maps.Keys(d.bind)) {
		path := "flow.bind." + key
		if !known(Name(d.bind[key])) {
			d.fault(path, "%q is no well-known name; these are: %s", d.bind[key], wellKnown())
		}
		if !used[key] {
			d.fault(path, "the file has no data key and no payload key %s: remove the line or mend its spelling", key)
		}
	}
}

// lookup finds what a key means, the user's binding first.
func (d *draft) lookup(key string) (Name, int) {
	if target, bound := d.bind[key]; bound && known(Name(target)) {
		return Name(target), byBind
	}
	return lookup(key)
}

// bindField finds what fills a data key, and refuses a key that nothing fills: the client would reject the answer.
func (d *draft) bindField(s *draftScreen, f *Field) {
	path := s.path + ".data." + f.Key
	name, rank := d.lookup(f.Key)
	if name == PhoneNumber && rank != byBind && d.payload[f.Key] {
		name = CustomerPhone // a number that the file itself sends is the customer's, given back
	}
	f.Name = fit(name, f)
	if groupOf(f.Name) != nil && f.isList() {
		f.Limit = s.limit(f.Key)
		if !f.showsOptions() {
			d.fault(path, "an option list needs items with the string properties id and title")
		}
		return
	}
	switch {
	case f.Name != "":
	case rank == byBind:
		d.fault(path, "is bound to %s, which a key of type %s cannot hold", name, f.Type)
	case f.Type == Object && f.Key == "error_messages":
	case f.echoes() && d.payload[f.Key]:
	case d.given(s, f.Key):
	case d.bind[f.Key] != "": // already named as a wrong target
	default:
		d.fault(path, "nothing fills this %s: map it onto a well-known name in [flow.bind], or remove it", f.Type)
	}
}

// echoes says whether the field can hold a value that came in a payload.
func (f *Field) echoes() bool {
	return f.Type == String || f.Type == Number || f.Type == Boolean
}

// given says whether every navigate action that shows the screen passes the key.
func (d *draft) given(s *draftScreen, key string) bool {
	found := false
	for _, from := range d.screens {
		for _, a := range from.actions {
			if a.Name != actionNavigate || a.Next != s.ID {
				continue
			}
			if _, passed := a.payload[key]; !passed {
				return false
			}
			found = true
		}
	}
	return found
}

// bindAction finds which payload keys are choices. Where two keys could mean the same, the surer one does. A
// constant can be a choice too: a fixed list of departments sends its ids so.
func (d *draft) bindAction(a *draftAction) {
	type holder struct {
		key  string
		rank int
	}
	holders := map[Name]holder{}
	for _, key := range slices.Sorted(maps.Keys(a.payload)) {
		found, rank := d.lookup(key)
		name := choice(found)
		if name == "" {
			if rank == byBind && !d.declared(key) {
				d.fault(a.path+".payload."+key, "is bound to %s, which is nothing that a customer chooses", found)
			}
			continue
		}
		before, taken := holders[name]
		switch {
		case !taken || rank < before.rank:
			if taken {
				a.Keys[before.key] = ""
			}
			a.Keys[key] = name
			holders[name] = holder{key, rank}
		case rank == before.rank && a.Name == actionDataExchange:
			d.fault(a.path+".payload", "%s and %s both mean %s: map one of them onto another name in [flow.bind]",
				before.key, key, name)
		}
	}
}

// declared says whether any screen has a data key of this name.
func (d *draft) declared(key string) bool {
	return slices.ContainsFunc(d.screens, func(s *draftScreen) bool {
		return slices.ContainsFunc(s.Data, func(f Field) bool { return f.Key == key })
	})
}
