import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

import { stack } from "./stack";

export interface GivenFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** Return a real, unique video of 12 s: a box with random bytes, which players skip, is appended. */
export async function video(name: string, extraBytes = 64): Promise<GivenFile> {
  const box = Buffer.alloc(8 + extraBytes);
  box.writeUInt32BE(box.length, 0);
  box.write("free", 4, "latin1");
  randomBytes(extraBytes).copy(box, 8);
  return { name, mimeType: "video/mp4", buffer: Buffer.concat([await readFile(stack.testPicture), box]) };
}

/** Write a video that repeats the test video of 12 s. */
export async function loopedPicture(path: string, times: number): Promise<void> {
  const input = ["-stream_loop", String(times - 1), "-i", stack.testPicture];
  await promisify(execFile)("ffmpeg", ["-v", "error", ...input, "-c", "copy", path]);
}

const GROUNDS = ["0.09 0.39 0.29", "0.11 0.34 0.53", "0.54 0.32 0", "0.42 0.2 0.42", "0.2 0.3 0.36"];

/** Return the PDF operators for a circle: four Bézier curves. */
function circle(x: number, y: number, radius: number): string {
  const c = radius * 0.5523;
  const r = radius;
  const curves = [
    [x + r, y + c, x + c, y + r, x, y + r],
    [x - c, y + r, x - r, y + c, x - r, y],
    [x - r, y - c, x - c, y - r, x, y - r],
    [x + c, y - r, x + r, y - c, x + r, y],
  ];
  return `${x + r} ${y} m ${curves.map((curve) => `${curve.map((n) => n.toFixed(1)).join(" ")} c`).join(" ")} f`;
}

/** Return a PDF with so many landscape pages, each with a heading and its number. */
export function deck(name: string, pageCount: number, heading = "Page"): GivenFile {
  const objects: string[] = [];
  const kids = Array.from({ length: pageCount }, (_, index) => `${4 + 2 * index} 0 R`).join(" ");
  objects.push("<< /Type /Catalog /Pages 2 0 R >>");
  objects.push(`<< /Type /Pages /Kids [${kids}] /Count ${pageCount} >>`);
  objects.push("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>");
  for (let page = 1; page <= pageCount; page++) {
    const ground = `${GROUNDS[page % GROUNDS.length]} rg 0 0 960 540 re f`;
    const shapes = `0.56 0.88 0.74 rg ${circle(720, 270, 70 + (page % 4) * 30)} 1 0.9 0.65 rg ${circle(820, 380, 46)}`;
    const text = `1 1 1 rg BT /F1 64 Tf 70 290 Td (${heading}) Tj ET BT /F1 40 Tf 70 220 Td (Part ${page}) Tj ET`;
    const content = `${ground} ${shapes} ${text}`;
    const resources = "/Resources << /Font << /F1 3 0 R >> >>";
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 960 540] ${resources} /Contents ${objects.length + 2} 0 R >>`,
    );
    objects.push(`<< /Length ${content.length} >>\nstream\n${content}\nendstream`);
  }
  let pdf = "%PDF-1.4\n";
  const places: number[] = [];
  objects.forEach((body, index) => {
    places.push(pdf.length);
    pdf += `${index + 1} 0 obj\n${body}\nendobj\n`;
  });
  const start = pdf.length;
  const table = places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("");
  pdf += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}`;
  pdf += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return { name, mimeType: "application/pdf", buffer: Buffer.from(pdf, "latin1") };
}
