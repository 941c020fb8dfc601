// Browsers do not start workers from files. Opened from the file system, a page runs the worker's script in a hidden
// frame instead, so that the search works without a server and without the network.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #frame = document.createElement("iframe");
    #ready;

    constructor(address) {
      super();
      this.#frame.hidden = true;
      this.#ready = new Promise((resolve) => {
        const append = () => {
          document.body.append(this.#frame);
          const inside = this.#frame.contentWindow;
          const page = inside.document;
          page.open();
          page.write("<!doctype html><title>worker</title>");
          page.close();
          inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          const script = page.createElement("script");
          script.src = new URL(address, location.href).href;
          script.onload = () => resolve(inside);
          script.onerror = () => this.dispatchEvent(new ErrorEvent("error", { message: `cannot load ${address}` }));
          page.head.append(script);
        };
        document.body ? append() : addEventListener("DOMContentLoaded", append);
      });
    }

    set onmessage(listener) {
      this.addEventListener("message", listener);
    }

    set onerror(listener) {
      this.addEventListener("error", listener);
    }

    postMessage(data) {
      this.#ready.then((inside) => inside.dispatchEvent(new inside.MessageEvent("message", { data })));
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
