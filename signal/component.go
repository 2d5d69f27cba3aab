package signal

// What a component of a status page can be, in the words of Atlassian Statuspage,
// which most status pages and monitors read.
const (
	Operational = "operational"
	Degraded    = "degraded_performance"
	PartialOut  = "partial_outage"
	MajorOut    = "major_outage"
	Maintained  = "under_maintenance"
)

// Component is the light in those words. They have none for "not known": a light
// that is not measured is yellow, and so degraded, never a silent operational.
func (s Status) Component() string {
	switch {
	case s.Reason.Code == CodeMaintenance:
		return Maintained
	case s.Light == Green && s.Measured:
		return Operational
	case s.Light == Red:
		return PartialOut
	case s.Light == Grey:
		return MajorOut
	}
	return Degraded
}

// Indicator is how bad all components together are, and the words for it: none,
// minor, major, critical or maintenance. It is critical when nothing can be
// chosen, and no worse than minor while something is green.
func Indicator(statuses []Status) (indicator, words string) {
	count := map[string]int{}
	for _, s := range statuses {
		count[s.Component()]++
	}
	all := len(statuses)
	switch {
	case count[Operational] == all:
		return "none", "All Systems Operational"
	case count[MajorOut]+count[Maintained] == all && count[MajorOut] > 0:
		return "critical", "Major System Outage"
	case count[Operational]+count[Maintained] == all, count[Maintained] == all:
		return "maintenance", "Service Under Maintenance"
	case count[Operational] > 0, count[PartialOut]+count[MajorOut] == 0:
		return "minor", "Partially Degraded Service"
	}
	return "major", "Partial System Outage"
}
