/* A page opened from a disk (file:) may not start a Worker, and search lives in one. Here a hidden frame takes the
   Worker's place: the same script, the same two messages. Everywhere else this does nothing. */
"use strict";
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      const whole = new URL(url, document.baseURI);
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.src = "about:blank";
      document.body.append(frame);
      const inside = frame.contentWindow, page = frame.contentDocument;
      const load = (source) => new Promise((done, failed) => {
        const script = page.createElement("script");
        script.src = new URL(source, whole).href;
        script.onload = done;
        script.onerror = () => failed(new Error("cannot load " + script.src));
        page.head.append(script);
      });
      inside.importScripts = (...sources) =>
        sources.reduce((before, source) => before.then(() => load(source)), Promise.resolve());
      inside.postMessage = (data) => this.answer(data);
      this.inside = inside;
      load(whole).then(() => {
        this.inside.ready = true;
        this.waiting.splice(0).forEach((data) => this.tell(data));
      });
    }
    answer(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }
    tell(data) { this.inside.dispatchEvent(new MessageEvent("message", { data })); }
    postMessage(data) { this.inside.ready ? this.tell(data) : this.waiting.push(data); }
    terminate() {}
  };
  window.IFrameWorker = window.Worker; // by this name the search script knows where it is
}
