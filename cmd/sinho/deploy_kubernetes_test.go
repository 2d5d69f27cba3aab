package main

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// The shapes of what stands in deploy/kubernetes, as far as it is used there.
type (
	kubeLabels map[string]string
	kubeMeta   struct {
		Name   string
		Labels kubeLabels
	}
	kubeSelector struct {
		MatchLabels kubeLabels `yaml:"matchLabels"`
	}
	kubeProbe struct {
		HTTPGet          struct{ Path, Port string } `yaml:"httpGet"`
		PeriodSeconds    int                         `yaml:"periodSeconds"`
		TimeoutSeconds   int                         `yaml:"timeoutSeconds"`
		FailureThreshold int                         `yaml:"failureThreshold"`
	}
	kubeContainer struct {
		Name, Image string
		Args        []string
		EnvFrom     []struct {
			SecretRef struct{ Name string } `yaml:"secretRef"`
		} `yaml:"envFrom"`
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		StartupProbe    kubeProbe `yaml:"startupProbe"`
		ReadinessProbe  kubeProbe `yaml:"readinessProbe"`
		LivenessProbe   kubeProbe `yaml:"livenessProbe"`
		Resources       struct{ Requests, Limits kubeLabels }
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	kubePodSpec struct {
		AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
		SecurityContext               struct {
			RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
			RunAsUser      int                   `yaml:"runAsUser"`
			RunAsGroup     int                   `yaml:"runAsGroup"`
			FSGroup        int                   `yaml:"fsGroup"`
			SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		TopologySpreadConstraints []struct {
			MaxSkew           int          `yaml:"maxSkew"`
			TopologyKey       string       `yaml:"topologyKey"`
			WhenUnsatisfiable string       `yaml:"whenUnsatisfiable"`
			LabelSelector     kubeSelector `yaml:"labelSelector"`
		} `yaml:"topologySpreadConstraints"`
		Containers []kubeContainer
		Volumes    []struct {
			Name      string
			ConfigMap struct{ Name string } `yaml:"configMap"`
			Secret    struct {
				SecretName  string `yaml:"secretName"`
				DefaultMode int    `yaml:"defaultMode"`
			}
		}
	}
	kubeDeployment struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   kubeMeta
		Spec       struct {
			Replicas int
			Selector kubeSelector
			Strategy struct {
				Type          string
				RollingUpdate struct {
					MaxUnavailable int `yaml:"maxUnavailable"`
					MaxSurge       int `yaml:"maxSurge"`
				} `yaml:"rollingUpdate"`
			}
			Template struct {
				Metadata struct{ Labels kubeLabels }
				Spec     kubePodSpec
			}
		}
	}
	kubeDisruptionBudget struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   kubeMeta
		Spec       struct {
			MinAvailable int `yaml:"minAvailable"`
			Selector     kubeSelector
		}
	}
	kubeService struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   kubeMeta
		Spec       struct {
			Selector kubeLabels
			Ports    []struct {
				Name       string
				Port       int
				TargetPort string `yaml:"targetPort"`
			}
		}
	}
	kubePeer struct {
		NamespaceSelector *kubeSelector `yaml:"namespaceSelector"`
		PodSelector       *kubeSelector `yaml:"podSelector"`
		IPBlock           *struct {
			CIDR   string
			Except []string
		} `yaml:"ipBlock"`
	}
	kubeGate struct {
		From, To []kubePeer
		Ports    []struct {
			Protocol string
			Port     int
		}
	}
	kubeNetworkPolicy struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   kubeMeta
		Spec       struct {
			PodSelector     kubeSelector `yaml:"podSelector"`
			PolicyTypes     []string     `yaml:"policyTypes"`
			Ingress, Egress []kubeGate
		}
	}
	kubeConfigMap struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   kubeMeta
		Data       map[string]string
	}
	kubeKustomization struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Namespace  string
		Resources  []string
	}
)

// kubeCluster is everything in deploy/kubernetes.
type kubeCluster struct {
	deployment kubeDeployment
	budget     kubeDisruptionBudget
	service    kubeService
	network    kubeNetworkPolicy
	settings   kubeConfigMap
}

func readCluster(t *testing.T) (c kubeCluster) {
	t.Helper()
	var k kubeKustomization
	strictly(t, "kustomization.yaml", deployed(t, "kubernetes/kustomization.yaml"), &k)
	into := map[string]any{
		"apps/v1 Deployment": &c.deployment, "policy/v1 PodDisruptionBudget": &c.budget, "v1 Service": &c.service,
		"networking.k8s.io/v1 NetworkPolicy": &c.network, "v1 ConfigMap": &c.settings,
	}
	for _, file := range k.Resources {
		for doc := range strings.SplitSeq(deployed(t, "kubernetes/"+file), "\n---\n") {
			var is struct {
				APIVersion string `yaml:"apiVersion"`
				Kind       string
			}
			if err := yaml.Unmarshal([]byte(doc), &is); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			what := is.APIVersion + " " + is.Kind
			if into[what] == nil {
				t.Fatalf("%s: got another %s", file, what)
			}
			strictly(t, file, doc, into[what])
			delete(into, what)
		}
	}
	for what := range into {
		t.Fatalf("got no %s", what)
	}
	return c
}

func TestTheManifestsFitTheProgramAndEachOther(t *testing.T) {
	c := readCluster(t)
	pod := c.deployment.Spec.Template
	one := pod.Spec.Containers[0]
	isCommand(t, one.Args...)

	// The settings are good, and are where the arguments say.
	cfg := loaded(t, c.settings.Data["sinho.yaml"], []string{"REDIS_PASSWORD", "NAVER_SECRET"})
	mounted := map[string]string{}
	for _, m := range one.VolumeMounts {
		mounted[m.Name] = m.MountPath
		if !m.ReadOnly {
			t.Errorf("%s is mounted to be written", m.Name)
		}
	}
	for _, v := range pod.Spec.Volumes {
		at := mounted[v.Name]
		switch {
		case v.ConfigMap.Name == c.settings.Metadata.Name:
			if want := at + "/sinho.yaml"; one.Args[2] != want {
				t.Errorf("got --config %s, want %s", one.Args[2], want)
			}
		case v.Secret.SecretName == "sinho-keys":
			if at != cfg.KeysDir || v.Secret.DefaultMode != 0o440 {
				t.Errorf("got keys at %s with mode %o, want %s and 440", at, v.Secret.DefaultMode, cfg.KeysDir)
			}
		default:
			t.Errorf("got volume %+v", v)
		}
	}

	// Ports, probes and policies name the same doors.
	door := map[string]int{}
	for _, p := range one.Ports {
		door[p.Name] = p.ContainerPort
	}
	for name, address := range map[string]string{"http": cfg.Listen[0], "metrics": cfg.MetricsListen} {
		host, port, err := net.SplitHostPort(address)
		if err != nil || host != "0.0.0.0" || port != strconv.Itoa(door[name]) {
			t.Errorf("got %s listening on %s (%v) and port %d", name, address, err, door[name])
		}
	}
	for name, p := range map[string]struct{ probe, want string }{
		"startup": {one.StartupProbe.HTTPGet.Path, "/healthz"}, "readiness": {one.ReadinessProbe.HTTPGet.Path, "/readyz?exclude=store"},
		"liveness": {one.LivenessProbe.HTTPGet.Path, "/healthz"},
	} {
		if p.probe != p.want {
			t.Errorf("got %s probe at %s, want %s", name, p.probe, p.want)
		}
	}
	if p := c.service.Spec.Ports[0]; door[p.TargetPort] != 8080 {
		t.Errorf("got a service to %s", p.TargetPort)
	}
	var in, out []int
	for _, g := range c.network.Spec.Ingress {
		if len(g.From) == 0 {
			t.Errorf("anybody may reach %v", g.Ports)
		}
		in = append(in, g.Ports[0].Port)
	}
	for _, g := range c.network.Spec.Egress {
		out = append(out, g.Ports[0].Port)
	}
	if !slices.Equal(in, []int{door["http"], door["metrics"]}) || !slices.Equal(out, []int{53, 6379, 443}) {
		t.Errorf("got doors in %v and out %v", in, out)
	}

	// A node leaves whole: balancers notice first, and the kill comes last.
	noticed := time.Duration(one.ReadinessProbe.PeriodSeconds*one.ReadinessProbe.FailureThreshold) * time.Second
	if cfg.Drain.Delay <= noticed {
		t.Errorf("got drain.delay %v, want more than the %v readiness takes to be noticed", cfg.Drain.Delay, noticed)
	}
	if grace := time.Duration(pod.Spec.TerminationGracePeriodSeconds) * time.Second; grace <= longestLeave(cfg) {
		t.Errorf("got a grace period of %v, want more than %v", grace, longestLeave(cfg))
	}
	if d := c.deployment.Spec; c.budget.Spec.MinAvailable >= d.Replicas || d.Strategy.RollingUpdate.MaxUnavailable != 0 {
		t.Errorf("got %d of %d pods needed, %d may be missing in an upgrade", c.budget.Spec.MinAvailable, d.Replicas, d.Strategy.RollingUpdate.MaxUnavailable)
	}
	for what, got := range map[string]kubeLabels{
		"deployment": c.deployment.Spec.Selector.MatchLabels, "budget": c.budget.Spec.Selector.MatchLabels,
		"service": c.service.Spec.Selector, "network policy": c.network.Spec.PodSelector.MatchLabels,
	} {
		for key, value := range got {
			if pod.Metadata.Labels[key] != value || len(got) != 1 {
				t.Errorf("the %s selects %v, the pods are %v", what, got, pod.Metadata.Labels)
			}
		}
	}

	// And it may do little.
	if s := one.SecurityContext; s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("got a container with %+v", s)
	}
	if s := pod.Spec; !s.SecurityContext.RunAsNonRoot || s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken || s.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("got a pod with %+v", s.SecurityContext)
	}
}
