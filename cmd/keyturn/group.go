package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"keyturn/accounts"
	"keyturn/api/admin"
	"keyturn/audit"
)

func groupCommand() *cobra.Command {
	cmd := group("group", "Put people into groups, and give groups roles")
	cmd.AddCommand(
		groupCreate(), groupList(), groupShow(), groupUpdate(), groupDelete(), groupMembers(),
		groupMember("add-member", "added %s to group %s\n", "Put a user into a group", (*accounts.Groups).AddMember),
		groupMember("remove-member", "removed %s from group %s\n", "Take a user out of a group", (*accounts.Groups).RemoveMember),
		groupRole("add-role", "group %s has the role %s at %s\n", "Give a role to all in a group", (*accounts.Groups).AddRole),
		groupRole("remove-role", "group %s has no role %s at %s\n", "Take a role from a group", (*accounts.Groups).RemoveRole),
		groupRequireACR(),
	)
	return cmd
}

func groupCreate() *cobra.Command {
	var n accounts.NewGroup
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make an empty group", Args: exactly(1),
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
			n.Name = args[0]
			g, err := a.groups.Create(ctx, n, operator())
			if err != nil {
				return err
			}
			return tell(c, admin.ViewGroup(g), "created group %s with id %s\n", g.Name, g.ID)
		}),
	}
	cmd.Flags().StringVar(&n.Description, "description", "", "what the group is for")
	return cmd
}

// onGroup finds the group that the first argument names.
func onGroup(do func(context.Context, *cobra.Command, *app, accounts.Group, []string) error) func(*cobra.Command, []string) error {
	return withApp(func(ctx context.Context, c *cobra.Command, a *app, args []string) error {
		g, err := a.groups.Find(ctx, args[0])
		if err != nil {
			return err
		}
		return do(ctx, c, a, g, args[1:])
	})
}

func groupList() *cobra.Command {
	var q accounts.Query
	cmd := &cobra.Command{
		Use: "list", Short: "List groups in the order of their names", Args: noArgs,
		RunE: withApp(func(ctx context.Context, c *cobra.Command, a *app, _ []string) error {
			groups, err := a.groups.List(ctx, q, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.Group, len(groups)), make([][]string, len(groups))
			for n, g := range groups {
				views[n], rows[n] = admin.ViewGroup(g), []string{g.Name, rolesText(g), string(g.RequiredLevel), g.Description}
			}
			return tellTable(c, views, []string{"NAME", "ROLES", "REQUIRED ACR", "DESCRIPTION"}, rows)
		}),
	}
	addQuery(cmd, &q, "names")
	return cmd
}

func addQuery(cmd *cobra.Command, q *accounts.Query, of string) {
	cmd.Flags().StringVar(&q.Prefix, "prefix", "", "only "+of+" that begin so")
	cmd.Flags().StringVar(&q.After, "after", "", "only "+of+" after this one")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "how many at most, up to 1000")
}

func rolesText(g accounts.Group) string {
	roles := make([]string, len(g.Roles))
	for n, r := range g.Roles {
		roles[n] = r.Name + "@" + r.Resource
	}
	return strings.Join(roles, " ")
}

func groupShow() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Tell of one group and of the first of its members", Args: exactly(1),
		RunE: onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, _ []string) error {
			members, err := a.groups.Members(ctx, g.ID, accounts.Query{Limit: shownMembers + 1}, operator())
			if err != nil {
				return err
			}
			return tellTable(c, admin.ViewGroup(g), []string{"NAME", g.Name}, [][]string{
				{"ID", g.ID}, {"DESCRIPTION", g.Description}, {"ROLES", rolesText(g)}, {"REQUIRED ACR", string(g.RequiredLevel)},
				{"MEMBERS", membersText(members)}, {"CREATED", moment(g.CreatedAt)}, {"UPDATED", moment(g.UpdatedAt)},
			})
		}),
	}
}

// shownMembers is how many members fit into a line of `group show`; `group members` pages through all.
const shownMembers = 10

func membersText(members []accounts.Member) string {
	names := make([]string, 0, len(members))
	for n, m := range members {
		if n == shownMembers {
			names = append(names, "… (`keyturn group members` lists all)")
			break
		}
		names = append(names, m.Username)
	}
	return orNone(strings.Join(names, ", "))
}

func groupUpdate() *cobra.Command {
	var name, description string
	cmd := &cobra.Command{Use: "update NAME", Short: "Change a group's name or description; what is not given stays", Args: exactly(1)}
	cmd.Flags().StringVar(&name, "name", "", "new name, which tokens tell from then on")
	cmd.Flags().StringVar(&description, "description", "", "what the group is for")
	cmd.RunE = onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, _ []string) error {
		var change accounts.GroupChange
		if c.Flags().Changed("name") {
			change.Name = &name
		}
		if c.Flags().Changed("description") {
			change.Description = &description
		}
		if change == (accounts.GroupChange{}) {
			return errors.New("nothing to change: give --name or --description")
		}
		g, err := a.groups.Update(ctx, g.ID, change, operator())
		if err != nil {
			return err
		}
		return tell(c, admin.ViewGroup(g), "updated group %s\n", g.Name)
	})
	return cmd
}

func groupDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Remove a group; who is in it stays, without what it gave them", Args: exactly(1),
		RunE: onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, _ []string) error {
			if err := a.groups.Delete(ctx, g.ID, operator()); err != nil {
				return err
			}
			return tell(c, map[string]string{"deleted": g.ID, "name": g.Name}, "deleted group %s\n", g.Name)
		}),
	}
}

func groupMembers() *cobra.Command {
	var q accounts.Query
	cmd := &cobra.Command{
		Use: "members NAME", Short: "List who is in a group in the order of their usernames", Args: exactly(1),
		RunE: onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, _ []string) error {
			members, err := a.groups.Members(ctx, g.ID, q, operator())
			if err != nil {
				return err
			}
			views, rows := make([]admin.Member, len(members)), make([][]string, len(members))
			for n, m := range members {
				views[n], rows[n] = admin.ViewMember(m), []string{m.Username, moment(m.AddedAt), m.UserID}
			}
			return tellTable(c, views, []string{"USERNAME", "ADDED", "ID"}, rows)
		}),
	}
	addQuery(cmd, &q, "usernames")
	return cmd
}

func groupMember(name, done, short string, change func(*accounts.Groups, context.Context, string, string, audit.Actor) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME USERNAME", Short: short, Args: exactly(2),
		RunE: onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, args []string) error {
			id, err := a.userID(ctx, args[0])
			if err != nil {
				return err
			}
			if err := change(a.groups, ctx, g.ID, id, operator()); err != nil {
				return err
			}
			return tell(c, map[string]string{"group": g.ID, "user_id": id}, done, args[0], g.Name)
		}),
	}
}

// groupRole takes the role and, behind it, the audience, by default the admin API's for its own roles.
func groupRole(name, done, short string, change func(*accounts.Groups, context.Context, string, accounts.Role, audit.Actor) error) *cobra.Command {
	var resource string
	cmd := &cobra.Command{
		Use: name + " NAME ROLE --resource IDENTIFIER", Short: short, Args: exactly(2),
		Long: short + `. Tokens for the resource name it in the claim roles, if the resource asks for
that claim; ID tokens and UserInfo name those whose resource is the client's id.
The roles of the admin API and the console need no --resource: ` + strings.Join(accounts.AdminRoles(), ", ") + `.`,
		RunE: onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, args []string) error {
			role := accounts.Role{Resource: resource, Name: args[0]}
			if resource == "" {
				if accounts.RightsOfRole(args[0]) == 0 {
					return fmt.Errorf("say --resource: only %s are roles of Keyturn itself", strings.Join(accounts.AdminRoles(), ", "))
				}
				role.Resource = a.groups.AdminAudience
			}
			if err := change(a.groups, ctx, g.ID, role, operator()); err != nil {
				return err
			}
			return tell(c, map[string]string{"group": g.ID, "resource": role.Resource, "role": role.Name}, done, g.Name, role.Name, role.Resource)
		}),
	}
	cmd.Flags().StringVar(&resource, "resource", "", "the audience that the role is for: a resource, or a client's id")
	return cmd
}

func groupRequireACR() *cobra.Command {
	return &cobra.Command{
		Use: "require-acr NAME LEVEL", Args: exactly(2),
		Short: "Demand a level of sign-in of all in a group: 2 (two factors), phr (a passkey) or none",
		RunE: onGroup(func(ctx context.Context, c *cobra.Command, a *app, g accounts.Group, args []string) error {
			level := accounts.Level(args[0])
			if args[0] == "none" {
				level = ""
			}
			g, err := a.groups.Update(ctx, g.ID, accounts.GroupChange{RequiredLevel: &level}, operator())
			if err != nil {
				return err
			}
			return tell(c, admin.ViewGroup(g), "group %s demands %s from the next sign-in or refresh on\n", g.Name, map[bool]string{true: "no level", false: "level " + string(level)}[level == ""])
		}),
	}
}
