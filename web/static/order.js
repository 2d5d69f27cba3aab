// The order of the routes for this person: the same arithmetic as package signal
// (Go), so that the page moves the way a reload would. No page is touched here.
(function (root) {
  "use strict";

  // FNV-1a, 32 bits, over UTF-8, then the finaliser of MurmurHash3 (fmix32).
  function hash(text) {
    var bytes = new TextEncoder().encode(text), h = 0x811c9dc5;
    for (var i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
    return h >>> 0;
  }

  // ids in ascending −ln(U)/(share·factor): P(first) is proportional to
  // share·factor. What weighs nothing comes after, what is closed last, both as
  // they stand.
  function order(statuses, seed, epoch, factor) {
    return statuses
      .map(function (s) {
        var u = (hash(seed + "|" + epoch + "|" + s.id) + 0.5) / 4294967296;
        var grey = s.light === "grey", weight = s.share * factor(s.id);
        return { id: s.id, grey: grey, key: weight > 0 && !grey ? -Math.log(u) / weight : Infinity };
      })
      .sort(function (a, b) { return a.grey - b.grey || a.key - b.key || 0; })
      .map(function (k) { return k.id; });
  }

  function front(ids, first) {
    return [first].concat(ids.filter(function (id) { return id !== first; }));
  }

  // Where this person was just let down comes not first while another route is
  // green or yellow; the favoured one does, unless it is closed.
  function arrange(statuses, seed, epoch, factor, favour, failed) {
    var ids = order(statuses, seed, epoch, factor), light = {};
    statuses.forEach(function (s) { light[s.id] = s.light; });
    if (ids.length && ids[0] === failed) {
      var next = ids.slice(1).filter(function (id) { return light[id] === "green" || light[id] === "yellow"; })[0];
      if (next) ids = front(ids, next);
    }
    return light[favour] && light[favour] !== "grey" ? front(ids, favour) : ids;
  }

  var api = { hash: hash, order: order, arrange: arrange };
  if (typeof module !== "undefined" && module.exports) module.exports = api;
  else (root.sinho = root.sinho || {}).order = api;
})(this);
