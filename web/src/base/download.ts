/** Hands the visitor a file that was made in the page. */
export function download(content: Blob | Uint8Array, fileName: string): void {
  const blob =
    content instanceof Blob
      ? content
      : new Blob([content as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it after the click
}
