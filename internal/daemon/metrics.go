package daemon

import (
	"slotd/internal/admin"
	"slotd/internal/flow"
	"slotd/syncer"
	"slotd/webhook"
)

// observeFlow makes the series of a Flow and returns what counts its answers.
func (p *parts) observeFlow(f *flow.Flow) func(webhook.Observation) {
	m := p.o.metrics
	bare, talk := webhook.Outcomes()
	sets := admin.FlowSets{
		Bare: words(bare), Talk: words(talk), Steps: words(webhook.Steps()), Actions: webhook.Actions(),
		ClientErrors: webhook.ClientErrors(),
	}
	for i := range f.Screens {
		sets.Screens = append(sets.Screens, f.Screens[i].ID)
	}
	m.ExpectFlow(sets)
	return func(o webhook.Observation) {
		m.Answered(o.Action, o.Screen, string(o.Outcome), o.Took)
		for _, made := range o.Steps {
			m.Stepped(made.Screen, string(made.Step))
		}
		if o.ClientError != "" {
			m.ClientError(o.ClientError)
		}
	}
}

// expectAccounts makes the series of the accounts in the config.
func (p *parts) expectAccounts() {
	var names []string
	for i := range p.cfg.Accounts {
		names = append(names, p.cfg.Accounts[i].Name)
	}
	p.o.metrics.ExpectAccounts(names, syncer.LiveOutcomes())
}

func words[S ~string](in []S) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}
