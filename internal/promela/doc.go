// Package promela has no code: it has models of the three protocols in Promela, the
// language of the model checker Spin (https://spinroot.com), and a test that runs
// it, if it is installed. `make spin` shows what it finds.
//
//   - gate.pml: how goroutines sleep and are woken (internal/park/gate.go);
//   - role.pml: who runs the handler (internal/ring/role.go, server/role.go);
//   - slot.pml: how a reply reaches its caller (internal/reply/slot.go).
//
// The explorer of internal/model runs the source that ships, with a bound on the
// preemptions. A model is a translation by hand, and says in its head what it
// leaves out; but Spin visits every state of it, with no bound. Each model has
// mutants, chosen by -DBUG=n and listed in its head: usual mistakes, each of
// which Spin has to find, so that the models are known to be able to fail.
package promela
