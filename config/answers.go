package config

// Claims are paths to an oidc provider's values. A path is the name of a claim;
// or names with dots between them, into objects, and numbers, into lists:
// `user.phones.0`. A claim that has dots in its own name is found as well. What
// has no path is read under its standard name.
type Claims struct {
	// The path to the full name.
	Name string `yaml:"name"`
	// The path to the birthdate: YYYY-MM-DD or YYYYMMDD.
	Birthdate string `yaml:"birthdate"`
	// The path to the gender: male or female, M or F, or a digit, odd for men.
	Gender string `yaml:"gender"`
	// The path to the phone number.
	Phone string `yaml:"phone"`
	// The path to whether it is verified.
	PhoneVerified string `yaml:"phone_verified"`
	// The path to the e-mail address.
	Email string `yaml:"email"`
	// The path to whether it is verified.
	EmailVerified string `yaml:"email_verified"`
	// The path to what people are called by.
	Nickname string `yaml:"nickname"`
	// The path to the carrier: SKT, KT or LGU, with _MVNO for those who rent from
	// them. It has no standard name.
	Carrier string `yaml:"carrier"`
	// The path to whether somebody is a foreigner: true or false, Y or N, 1 or 0,
	// FOREIGNER or LOCAL. It has no standard name.
	Foreigner string `yaml:"foreigner"`
	// The path to DI. It has no standard name.
	DI string `yaml:"di"`
}

// ErrorCode is one code of a provider's errors, and what it means. HTTP statuses
// of 500 and more, and 429, go first.
type ErrorCode struct {
	// The code as the provider writes it: letters, digits and . _ -.
	Code string `yaml:"code"`
	// cancelled (the person said no), expired (a push was not answered), contact
	// (mistyped), consent (something is not agreed to), under-14, guardian (a parent
	// or guardian has to agree first), policy (they serve not everybody), bad-code
	// (the proof is bad or used), configuration (our settings), throttled or down.
	// Only the last two colour the light.
	Means string `yaml:"means"`
}
