// LaunchDarkly's Go SDK.
//
// BoolVariation, StringVariation, JSONVariation and AllFlagsState of a client, with contexts that
// were made once. `--events off` is the SDK's NoEvents(), with which it makes none at all; `on` is
// its default. A goroutine of its own counts; what it cannot keep up with is dropped.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
)

const sdkKey = "launchdarkly-go"

type benchCase struct {
	Name    string `json:"name"`
	Flag    string `json:"flag"`
	Type    string `json:"type"`
	Context string `json:"context"`
	Value   any    `json:"value"`
}

type caseFile struct {
	Contexts map[string]ldcontext.Context `json:"contexts"`
	Cases    []benchCase                  `json:"cases"`
}

type ready struct {
	Ready   bool              `json:"ready"`
	Version string            `json:"version"`
	Cases   []string          `json:"cases"`
	Absent  map[string]string `json:"absent"`
	Values  map[string]any    `json:"values"`
}

func connect(url string, events bool) (*ld.LDClient, error) {
	config := ld.Config{
		ServiceEndpoints: ldcomponents.RelayProxyEndpoints(url),
		Logging:          ldcomponents.Logging().MinLevel(ldlog.Warn),
	}
	if !events {
		config.Events = ldcomponents.NoEvents()
	}
	return ld.MakeCustomClient(sdkKey, config, time.Minute)
}

// What the loops give is kept here, so that no compiler can think it unused.
var kept struct {
	boolean bool
	text    string
	value   ldvalue.Value
	all     any
}

func run(client *ld.LDClient, c *benchCase, context ldcontext.Context, n int64) {
	switch c.Type {
	case "boolean":
		for i := int64(0); i < n; i++ {
			kept.boolean, _ = client.BoolVariation(c.Flag, context, false)
		}
	case "string":
		for i := int64(0); i < n; i++ {
			kept.text, _ = client.StringVariation(c.Flag, context, "")
		}
	case "json":
		for i := int64(0); i < n; i++ {
			kept.value, _ = client.JSONVariation(c.Flag, context, ldvalue.Null())
		}
	case "all-flags":
		for i := int64(0); i < n; i++ {
			kept.all = client.AllFlagsState(context)
		}
	}
}

// What one evaluation gives; of all flags nothing is compared.
func value(client *ld.LDClient, c *benchCase, context ldcontext.Context) (any, error) {
	switch c.Type {
	case "boolean":
		run(client, c, context, 1)
		return kept.boolean, nil
	case "string":
		run(client, c, context, 1)
		return kept.text, nil
	case "json":
		run(client, c, context, 1)
		return kept.value.AsArbitraryValue(), nil
	case "all-flags":
		if !client.AllFlagsState(context).IsValid() {
			return nil, errors.New("the SDK gives no valid state")
		}
		return nil, nil
	}
	return nil, errors.New("that type of case is not known")
}

func check(client *ld.LDClient, file *caseFile) *ready {
	r := &ready{
		Ready: true, Version: ld.Version, Cases: []string{}, Absent: map[string]string{},
		Values: map[string]any{},
	}
	for i := range file.Cases {
		c := &file.Cases[i]
		got, err := value(client, c, file.Contexts[c.Context])
		switch {
		case err != nil:
			r.Absent[c.Name] = err.Error()
			continue
		case c.Type == "all-flags":
		case c.Value == nil:
			r.Values[c.Name] = got
		case !reflect.DeepEqual(got, c.Value):
			r.Absent[c.Name] = fmt.Sprintf("gives %v, not %v", got, c.Value)
			continue
		}
		r.Cases = append(r.Cases, c.Name)
	}
	return r
}

func find(file *caseFile, r *ready, name string) *benchCase {
	if _, absent := r.Absent[name]; absent {
		return nil
	}
	for i := range file.Cases {
		if file.Cases[i].Name == name {
			return &file.Cases[i]
		}
	}
	return nil
}

func serve(client *ld.LDClient, file *caseFile, r *ready, requests io.Reader) {
	lines := bufio.NewScanner(requests)
	for lines.Scan() {
		var name string
		var n int64
		_, err := fmt.Sscan(lines.Text(), &name, &n)
		c := find(file, r, name)
		if err != nil || c == nil || n <= 0 {
			fmt.Println(`{"error":"CASE N is wanted"}`)
			continue
		}
		context := file.Contexts[c.Context]
		start := time.Now()
		run(client, c, context, n)
		fmt.Printf("{\"ns\":%d}\n", time.Since(start).Nanoseconds())
	}
}

func readCases(path string) (*caseFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file := &caseFile{}
	return file, json.Unmarshal(text, file)
}

func do() error {
	flag.String("flags", "", "not used: the flags come from the url")
	cases := flag.String("cases", "", "cases.json")
	events := flag.String("events", "off", "off or on")
	url := flag.String("url", "", "of launchdarkly_server.py")
	flag.Parse()
	file, err := readCases(*cases)
	if err != nil {
		return err
	}
	client, err := connect(*url, *events == "on")
	if err != nil {
		return err
	}
	defer client.Close() // delivers what events are left
	r := check(client, file)
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	serve(client, file, r, os.Stdin)
	return nil
}

func main() {
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "launchdarkly-go:", err)
		os.Exit(1)
	}
}
