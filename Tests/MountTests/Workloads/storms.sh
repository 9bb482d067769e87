# Many temporary files at once, by several processes, most of them short-lived.
for p in 1 2 3 4; do
  ( for i in $(seq 60); do
      f=$(mktemp "./tmp.$p.XXXXXXXX"); echo "$p $i" > "$f"
      d=$(mktemp -d "./dir.$p.XXXXXXXX"); echo "$p $i" > "$d/inner"; mv "$f" "$d/outer"
      if [ $((i % 10)) = 0 ]; then mv "$d" "kept.$p.$i"; else rm -r "$d"; fi
    done ) &
done
wait
ls -A | sort
find . -type f | sort | xargs cat | sort | md5sum
