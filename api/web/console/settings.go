package console

// showSettings shows what this instance runs with. Each instance has its own.
func (k *Console) showSettings(c *call) error {
	return c.show(view{page: "settings", section: "settings", title: c.text("settings.title"), v: k.Operations.Settings})
}
