package site;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.net.URL;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.web.DefaultOAuth2AuthorizationRequestResolver;
import org.springframework.security.oauth2.client.web.OAuth2AuthorizationRequestCustomizers;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.util.HtmlUtils;

/** A small site that logs people in with Spring Security. docs/integrate shows its parts. */
@SpringBootApplication
@RestController
public class Site {
    // region: security
    @Bean
    SecurityFilterChain security(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        // Spring Security sends PKCE for public clients only, unless it is told to.
        var requests = new DefaultOAuth2AuthorizationRequestResolver(clients, "/oauth2/authorization");
        requests.setAuthorizationRequestCustomizer(OAuth2AuthorizationRequestCustomizers.withPkce());
        // A logout that ends the session at the broker too.
        var logout = new OidcClientInitiatedLogoutSuccessHandler(clients);
        logout.setPostLogoutRedirectUri("{baseUrl}/");
        return http
            .authorizeHttpRequests(page -> page.requestMatchers("/", "/error").permitAll().anyRequest().authenticated())
            .oauth2Login(login -> login
                .authorizationEndpoint(endpoint -> endpoint.authorizationRequestResolver(requests))
                .failureHandler((request, response, why) -> {
                    LoggerFactory.getLogger(Site.class).warn("login failed: {}", why.getMessage());
                    response.sendError(400);
                }))
            .logout(out -> out.logoutSuccessHandler(logout))
            .build();
    }
    // endregion

    @GetMapping(path = "/", produces = "text/html;charset=utf-8")
    String home(@AuthenticationPrincipal OidcUser user, CsrfToken csrf) throws Exception {
        var page = "<!doctype html><title>site</title><form id='login' action='/oauth2/authorization/sinho'><button>login</button></form>";
        if (user == null) return page;
        var person = new ObjectMapper().writeValueAsString(
            Map.of("claims", plain(user.getIdToken().getClaims()), "userinfo", plain(user.getUserInfo().getClaims())));
        return page + "<pre id='person'>" + HtmlUtils.htmlEscape(person, "utf-8") + "</pre><form id='logout' method='post' action='/logout'>"
            + "<input type='hidden' name='" + csrf.getParameterName() + "' value='" + csrf.getToken() + "'><button>logout</button></form>";
    }

    /** Times as numbers and addresses as text, as they came. */
    private static Map<String, Object> plain(Map<String, Object> claims) {
        var out = new HashMap<>(claims);
        out.replaceAll((name, value) -> value instanceof Instant at ? at.getEpochSecond() : value instanceof URL url ? url.toString() : value);
        return out;
    }

    public static void main(String[] args) {
        SpringApplication.run(Site.class, args);
    }
}
