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
	options := &slog.HandlerOptions{Level: level}
	if config.LogFormat == "text" || config.LogFormat == "" && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
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
