package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const (
	envPrefix   = "KEYTURN_"
	defaultFile = "keyturn.yaml"
)

// setting is one field of Config as its tags describe it.
type setting struct {
	name, byDefault, doc string
	secret               bool
	index                int
}

// settings lists the fields of Config in their order.
func settings() []setting {
	t := reflect.TypeFor[Config]()
	var list []setting
	for n := range t.NumField() {
		tag := t.Field(n).Tag
		if tag.Get("name") == "" {
			continue
		}
		list = append(list, setting{
			name: tag.Get("name"), byDefault: tag.Get("default"), doc: tag.Get("doc"),
			secret: tag.Get("secret") == "true", index: n,
		})
	}
	return list
}

func (s setting) env() string  { return envPrefix + strings.ToUpper(s.name) }
func (s setting) flag() string { return strings.ReplaceAll(s.name, "_", "-") }

// source is where settings come from; main wires the real ones, tests their own.
type source struct {
	environ  []string
	flags    *pflag.FlagSet
	readFile func(string) ([]byte, error)
}

// addFlags makes every setting a flag. They are hidden from the help of single commands; `keyturn config
// --help` and docs/configuration.md list them.
func addFlags(flags *pflag.FlagSet) {
	flags.String("config", "", "settings file (default "+defaultFile+" where it exists)")
	for _, s := range settings() {
		flags.String(s.flag(), "", s.doc)
		if err := flags.MarkHidden(s.flag()); err != nil {
			panic(err) // the flag was made one line above
		}
	}
}

// loadConfig reads flags over environment over file over defaults. All problems come in one error, one
// line each, naming the setting.
func loadConfig(from source) (*Config, error) {
	values, origin, problems := map[string]string{}, map[string]string{}, []error(nil)
	known := map[string]setting{}
	for _, s := range settings() {
		known[s.name] = s
		values[s.name], origin[s.name] = s.byDefault, "default"
	}
	env := environment(from.environ)
	if err := applyFile(from, env, known, values, origin); err != nil {
		problems = append(problems, err)
	}
	problems = append(problems, applyEnvironment(from, env, known, values, origin)...)
	if from.flags != nil {
		from.flags.VisitAll(func(f *pflag.Flag) {
			name := strings.ReplaceAll(f.Name, "-", "_")
			if _, ok := known[name]; ok && f.Changed {
				values[name], origin[name] = f.Value.String(), "flag"
			}
		})
	}
	c := Config{given: map[string]bool{}}
	for _, s := range settings() {
		c.given[s.name] = origin[s.name] != "default"
		if err := set(reflect.ValueOf(&c).Elem().Field(s.index), values[s.name]); err != nil {
			problems = append(problems, fmt.Errorf("%s (from %s): %w", s.env(), origin[s.name], err))
		}
	}
	if len(problems) == 0 {
		problems = append(problems, c.check())
	}
	return &c, errors.Join(problems...)
}

func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, pair := range environ {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, envPrefix) {
			env[name] = value
		}
	}
	return env
}

// applyEnvironment takes KEYTURN_* in. Unknown names are refused: a mistyped setting must not be silently
// without effect. KEYTURN_PORT* and KEYTURN_SERVICE_* are Kubernetes' own and left alone.
func applyEnvironment(from source, env map[string]string, known map[string]setting, values, origin map[string]string) []error {
	var problems []error
	names := make([]string, 0, len(env))
	for name := range env {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, variable := range names {
		name := strings.ToLower(strings.TrimPrefix(variable, envPrefix))
		secretName, isFile := strings.CutSuffix(name, "_file")
		switch {
		case known[name].name != "":
			values[name], origin[name] = env[variable], "environment"
		case isFile && known[secretName].secret:
			if _, both := env[envPrefix+strings.ToUpper(secretName)]; both {
				problems = append(problems, fmt.Errorf("%s: given together with %s", variable, known[secretName].env()))
				continue
			}
			text, err := from.readFile(env[variable])
			if err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", variable, err))
				continue
			}
			values[secretName], origin[secretName] = strings.TrimSpace(string(text)), "file"
		case variable == "KEYTURN_CONFIG", strings.HasPrefix(variable, "KEYTURN_PORT"), strings.HasPrefix(variable, "KEYTURN_SERVICE_"):
		default:
			problems = append(problems, fmt.Errorf("%s: no such setting%s", variable, nearest(name, known)))
		}
	}
	return problems
}

func applyFile(from source, env map[string]string, known map[string]setting, values, origin map[string]string) error {
	path, given := env["KEYTURN_CONFIG"], true
	if from.flags != nil {
		if f := from.flags.Lookup("config"); f.Changed {
			path = f.Value.String()
		}
	}
	if path == "" {
		path, given = defaultFile, false
	}
	text, err := from.readFile(path)
	if !given && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settings file: %w", err)
	}
	var members map[string]yaml.Node
	if err := yaml.Unmarshal(text, &members); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var problems []error
	for name, node := range members {
		switch {
		case known[name].name == "":
			problems = append(problems, fmt.Errorf("%s line %d: no setting %q%s", path, node.Line, name, nearest(name, known)))
		case node.Kind == yaml.ScalarNode:
			values[name], origin[name] = node.Value, path
		case node.Kind == yaml.SequenceNode:
			var list []string
			if err := node.Decode(&list); err != nil {
				problems = append(problems, fmt.Errorf("%s line %d: %s: must be a list of texts", path, node.Line, name))
			}
			values[name], origin[name] = strings.Join(list, ","), path
		default:
			problems = append(problems, fmt.Errorf("%s line %d: %s: must be a text or a list", path, node.Line, name))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// set parses a setting's text into its field.
func set(field reflect.Value, text string) error {
	switch v := field.Addr().Interface().(type) {
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration such as 5m or 720h")
		}
		*v = d
		return nil
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("must be true or false")
		}
		*v = b
		return nil
	case *Switch:
		if text != "on" && text != "off" {
			return errors.New("must be on or off")
		}
		*v = text == "on"
		return nil
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("must be a whole number")
		}
		*v = n
		return nil
	case *[]string:
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*v = append(*v, part)
			}
		}
		return nil
	}
	if field.Type().Name() == "Algorithm" && !slices.Contains([]string{"RS256", "EdDSA", "ES256", "PS256"}, text) {
		return errors.New("must be RS256, EdDSA, ES256 or PS256")
	}
	field.SetString(text)
	return nil
}

// show gives a setting's value as text, masked where it is secret.
func (c *Config) show(s setting) string {
	value := reflect.ValueOf(c).Elem().Field(s.index).Interface()
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ",")
	case Switch:
		if v {
			return "on"
		}
		return "off"
	case time.Duration:
		return typed(v)
	case string:
		if s.secret && v != "" {
			return maskSecret(v)
		}
	}
	return fmt.Sprint(value)
}

// typed is a duration as one types it: 720h, where Go says 720h0m0s.
func typed(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// maskSecret shows of a database URL what helps to find the database, and nothing of other secrets. What
// can't be parsed for certain is not shown at all.
func maskSecret(value string) string {
	if strings.HasPrefix(value, "sqlite:") || value == "console:" {
		return value
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" && u.Path == "" || u.Scheme == "" {
		return "***"
	}
	return u.Scheme + "://***@" + u.Host + u.EscapedPath()
}

// processSource reads the process's own environment. The flags are the root's: a command may have one of
// its own by the name of a setting (keys rotate --algorithm), which then is no setting.
func processSource(c *cobra.Command) source {
	return source{environ: os.Environ(), flags: c.Root().PersistentFlags(), readFile: os.ReadFile}
}
