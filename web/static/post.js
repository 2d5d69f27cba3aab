// Presses the button that takes the answer to the site. While the page is still
// loading, so that the site's page takes this one's place in the history: the
// back button must not send a used answer again.
(function () {
  "use strict";
  document.getElementById("post").click();
})();
