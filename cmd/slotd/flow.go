package main

import (
	"github.com/spf13/cobra"

	"slotd/internal/daemon"
)

func (a *app) flowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flow",
		Short: "The Flow: json",
	}
	cmd.AddCommand(a.flowJSONCommand())
	return group(cmd)
}

func (a *app) flowJSONCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "json",
		Short: "Print the Flow JSON that the config has served: the file to publish at Meta",
		Long: `Json prints the Flow that 'slotd serve' answers by this config: the built-in one in the order that [flow] says, or the
file that it names. What is published at Meta must be the same.`,
		Example: "  slotd flow json > flow.json",
		Args:    exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load()
			if err != nil {
				return err
			}
			data, err := daemon.FlowJSON(cfg)
			if err != nil {
				return usageError{err}
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
}
