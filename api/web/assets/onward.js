// The other apps have been told once their frames have loaded, so the browser goes on; it does not wait for one that hangs.
const onward = () => location.replace(document.querySelector("a.button").href);
addEventListener("load", onward);
setTimeout(onward, 3000);
