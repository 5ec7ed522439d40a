package flow

// Match returns the data_exchange action of the screen that sent a payload, or nil if none could have. A payload
// has the keys of its action and its constants; keys are missing where the client left out an input without a
// value. Of several actions that fit, it is the one with the fewest missing keys, and then one that only selects,
// as that changes nothing.
func (s *Screen) Match(payload map[string]any) *Action {
	var best *Action
	fewest := 0
	for i := range s.Actions {
		a := &s.Actions[i]
		missing, fits := a.misses(payload)
		if !fits {
			continue
		}
		if best == nil || missing < fewest || missing == fewest && a.Trigger == Select && best.Trigger == Tap {
			best, fewest = a, missing
		}
	}
	return best
}

// misses says whether the action could have sent the payload, and how many of its keys the payload lacks.
func (a *Action) misses(payload map[string]any) (missing int, fits bool) {
	if a.Name != actionDataExchange {
		return 0, false
	}
	for key, value := range payload {
		constant, static := a.Static[key]
		if _, carries := a.Keys[key]; !carries && !static {
			return 0, false
		}
		if got, _ := text(value); static && got != constant {
			return 0, false
		}
	}
	for key := range a.Static {
		if _, found := payload[key]; !found {
			return 0, false
		}
	}
	for key := range a.Keys { // a constant among them is present, as was just seen
		if _, found := payload[key]; !found {
			missing++
		}
	}
	return missing, true
}

// Choices returns what the payload says about well-known choices. Empty ones are left out: nothing was chosen.
func (s *Screen) Choices(payload map[string]any) map[Name]string {
	found := map[Name]string{}
	action := s.Match(payload)
	for key, value := range payload {
		name := s.meaning(action, key)
		if got, ok := text(value); ok && got != "" && name != "" {
			found[name] = got
		}
	}
	return found
}

// Extras returns the payload's other answers as text, such as the fields of a form of one's own. Constants are none.
func (s *Screen) Extras(payload map[string]any) map[string]string {
	extras := map[string]string{}
	action := s.Match(payload)
	for key, value := range payload {
		got, ok := text(value)
		if ok && s.meaning(action, key) == "" && !s.constant(key, got) {
			extras[key] = got
		}
	}
	return extras
}

// meaning is what a payload key means in the action that sent it. If none fits, the first action of the screen that has
// the key decides.
func (s *Screen) meaning(sender *Action, key string) Name {
	if sender != nil {
		return sender.Keys[key]
	}
	for i := range s.Actions {
		if name := s.Actions[i].Keys[key]; name != "" {
			return name
		}
	}
	return ""
}

func (s *Screen) constant(key, value string) bool {
	for i := range s.Actions {
		if constant, found := s.Actions[i].Static[key]; found && constant == value {
			return true
		}
	}
	return false
}
