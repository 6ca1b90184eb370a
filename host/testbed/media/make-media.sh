#!/bin/sh
# Makes the testbed's loop of media: one minute, in 30 segments of 2 s, for
# two variants. Needs ffmpeg with libx264 and DejaVu Sans (Debian: ffmpeg,
# fonts-dejavu-core). Run it in this directory; it writes 360p.ts and 180p.ts,
# and second.aac: the same minute's sound in another key, the second language.
#
# What the numbers are for:
# - 60 s, so that the seconds in the picture can be those of the wall clock;
# - 15 frames a second, a closed GOP of 30 frames without B-frames: every
#   segment starts with a key frame and PTS equals DTS;
# - 32 kHz sound: 60 s are exactly 1875 AAC frames of 1024 samples, so the
#   loop closes without a cut or padded frame (at 48 kHz it would be 2812.5);
# - three minutes are encoded and the middle one is kept: its first AAC frame
#   overlaps the end of the same minute, as it does when the loop wraps;
# - one service description, PAT and PMT a segment: the testbed cuts the file
#   at the service descriptions.
# Time stamps and continuity counters are rewritten when a segment is served.
set -eu

sans=/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
bold=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
mono=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Frame numbers count from 0 in drawtext and from 1 in overlay.
second='floor((n+0.5)/15)'
picture="color=c=0x0e1420:s=640x360:r=15,format=yuv420p,
drawbox=x=0:y=0:w=640:h=4:color=0xd8342b:t=fill,
drawbox=x=40:y=300:w=560:h=6:color=0x273246:t=fill,
drawtext=fontfile=$bold:text='f1-streams testbed':fontsize=24:fontcolor=0xc9d3e3:x=40:y=28,
drawtext=fontfile=$mono:text='s':fontsize=84:fontcolor=0x39465e:x=440:y=158,
drawtext=fontfile=$mono:text='%{eif\:mod($second\,60)\:d\:2}':fontsize=170:fontcolor=0xf4f7fb:x=218:y=92,
drawtext=fontfile=$sans:text='seconds of this minute, UTC':fontsize=20:fontcolor=0x8593ab:x=40:y=326[base];
color=c=0xd8342b:s=14x26:r=15,format=yuv420p[hand];
[base][hand]overlay=x='33+560*mod(n-1,900)/900':y=290:eval=frame[clock];
color=c=0x4f8cff:s=10x10:r=15,format=yuv420p[pulse];
[clock][pulse]overlay=x='40+550*mod(n-1,30)/30':y=270:eval=frame"
# A soft chord, and a tick that is higher at the start of the minute.
sound="aevalsrc='0.04*sin(2*PI*220*t)+0.03*sin(2*PI*330*t)+0.3*exp(-45*mod(t,1))*sin(2*PI*if(lt(mod(t,60),1),1320,880)*t)':s=32000:c=mono"

encode() { # name, what is left to do to the picture
    ffmpeg -v error -y -filter_complex "$picture,$2[v];$sound[a]" -map '[v]' -map '[a]' -t 180 \
        -c:v libx264 -preset veryslow -profile:v main -level 3.0 -crf 27 \
        -g 30 -keyint_min 30 -sc_threshold 0 -bf 0 -flags +cgop \
        -c:a aac -b:a 24k -ac 1 -ar 32000 \
        -f segment -segment_time 2 -segment_format mpegts \
        -segment_format_options pat_period=60:sdt_period=60 \
        "$work/$1-%02d.ts"
    rm -f "$1.ts"
    for i in $(seq 30 59); do cat "$work/$1-$i.ts" >> "$1.ts"; done
}

label="drawtext=fontfile=$bold:fontcolor=0x8593ab"
encode 360p "$label:text='360p':fontsize=24:x=w-tw-40:y=28"
encode 180p "scale=320:180:flags=lanczos,$label:text='180p':fontsize=12:x=w-tw-20:y=15"

# A segment of 60 s is 1875 frames here, too.
ffmpeg -v error -y -filter_complex "aevalsrc='0.04*sin(2*PI*262*t)+0.03*sin(2*PI*392*t)+0.3*exp(-45*mod(t,1))*sin(2*PI*if(lt(mod(t,60),1),1047,523)*t)':s=32000:c=mono" \
    -t 180 -c:a aac -b:a 12k -f segment -segment_time 60 -segment_format adts "$work/second-%d.aac"
cp "$work/second-1.aac" second.aac
ls -l ./*.ts ./*.aac
