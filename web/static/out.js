// Goes on when every site's page in its frame has loaded, which is when this
// page has, or after three seconds: a site that is silent must not keep anybody.
(() => {
  const back = document.getElementById("back");
  if (!back) return;
  let gone = false;
  const go = () => {
    if (!gone) location.replace(back.href);
    gone = true;
  };
  addEventListener("load", go);
  setTimeout(go, 3000);
})();
