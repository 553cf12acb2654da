// A link, and a button that copies it.
//
// On plain http browsers have no clipboard for scripts: then the text is selected and copied the old
// way, and if that is refused too it stands there selected, to be copied by hand.

export default mounted((root) => new CopyLink(root.querySelector(".bn-copy")));

class CopyLink {
  constructor(root) {
    [this.input, this.button, this.status] = root.children;
    this.button.addEventListener("click", () => this.copy());
    this.input.addEventListener("focus", () => this.input.select());
  }

  receive(bytes) {
    this.words = JSON.parse(new TextDecoder().decode(bytes));
    const { link, name, copy } = this.words;
    if (this.input.value !== link) say(this.status, "");
    this.input.value = link;
    this.input.setAttribute("aria-label", name);
    say(this.button, copy);
  }

  async copy() {
    const copied = await this.toClipboard();
    say(this.status, copied ? this.words.copied : this.words.by_hand);
  }

  async toClipboard() {
    try {
      await navigator.clipboard.writeText(this.words.link);
      return true;
    } catch {
      this.input.focus();
      this.input.select();
      const copied = document.execCommand("copy");
      if (copied) this.button.focus();
      return copied;
    }
  }

  close() {}
}
