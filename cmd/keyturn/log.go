package main

import (
	"io"
	"log/slog"
	"os"
)

// newLog writes JSON for machines and text for a person at a terminal.
func newLog(w io.Writer, config *Config) *slog.Logger {
	level, err := logLevel(config.LogLevel)
	if err != nil {
		level = slog.LevelInfo // check has refused it already
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: readableDuration}
	if config.LogFormat == "text" || config.LogFormat == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// readableDuration writes 2s where slog would write 2000000000.
func readableDuration(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

func logLevel(name string) (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(name))
	return level, err
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// forCommands keeps what a server would tell about its work out of a command's answer; what it must warn
// of stays.
func (c *Config) forCommands() *Config {
	quiet := *c
	if quiet.LogLevel == "info" {
		quiet.LogLevel = "warn"
	}
	return &quiet
}
