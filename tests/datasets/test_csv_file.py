from __future__ import annotations

import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinema.datasets import load_dataset
from kinema.errors import UsageError


@pytest.fixture
def write(tmp_path):
    for name in ("a.mp4", "b.mp4", "v_x_g03_c01.mp4"):
        (tmp_path / name).touch()

    def write_csv(text: str, encoding: str = "utf-8"):
        path = tmp_path / "data.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write_csv


def test_all_columns(write, tmp_path):
    path = write(
        "file_name,label,split,group,start,end\r\n"
        "a.mp4,run,train,anna,,\r\n"
        "a.mp4,walk,Test,anna,1.5,4\r\n"
        f"{tmp_path}/b.mp4,run,validation,,2,\r\n"
        "v_x_g03_c01.mp4,walk,train,,,3\r\n"
    )
    dataset = load_dataset(path)
    assert dataset.layout == "csv"
    assert dataset.labels == ("run", "walk")
    assert dataset.split_source == "split column of data.csv"
    rows = [(r.name, r.label, r.split, r.group, r.start_seconds, r.end_seconds) for r in dataset.records]
    assert rows == [
        ("a.mp4", "run", "train", "anna", None, None),
        ("a.mp4", "walk", "test", "anna", 1.5, 4.0),
        ("b.mp4", "run", "val", None, 2.0, None),
        ("v_x_g03_c01.mp4", "walk", "train", "g03", None, 3.0),
    ]
    assert all(r.path.parent == tmp_path for r in dataset.records)


def test_title_names_the_folder(write, tmp_path, monkeypatch):
    path = write("file_name,label\na.mp4,run\n")
    monkeypatch.chdir(tmp_path)
    assert load_dataset(path).title == load_dataset("data.csv").title == f"{tmp_path.name}/data.csv"


def test_byte_order_mark_blank_lines_and_header_case(write):
    dataset = load_dataset(write("File_Name, Label\na.mp4,x\n\n ,\nb.mp4,y\n", "utf-8-sig"))
    assert [r.name for r in dataset.records] == ["a.mp4", "b.mp4"]
    assert not dataset.has_split


def test_files_not_there_are_counted(write):
    dataset = load_dataset(write("file_name,label\na.mp4,x\ngone.mp4,x\nsub/gone.mp4,y\n"))
    assert dataset.absent == ("gone.mp4", "sub/gone.mp4")
    assert dataset.labels == ("x",)
    assert "2 listed videos not on disk: gone.mp4, sub/gone.mp4" in dataset.warnings


def test_remarks(write):
    dataset = load_dataset(write("file_name,label,spilt,split\na.mp4,x,,train\na.mp4,x,,train\nb.mp4,y,,\n"))
    assert [r.name for r in dataset.records] == ["a.mp4"]
    assert dataset.warnings == (
        "unknown columns of data.csv ignored: spilt",
        "1 row without a split left out: the other rows have one",
        "1 repeated row left out",
    )


FILE = ("path", "video", "filename", "file", "video_path", "Video Path", "video-path", "filepath")
OTHERS = [
    *((name, "label", "split", "start", "end") for name in FILE),
    *(("file_name", name, "split", "start", "end") for name in ("class", "Target", "category", "action")),
    ("file_name", "label", "subset", "start", "end"),
    ("file_name", "label", "split", "begin", "stop"),
    ("video", "class", "partition", "start_time", "end_time"),
]


@pytest.mark.parametrize("names", OTHERS, ids=",".join)
def test_other_common_names_of_columns(write, names):
    dataset = load_dataset(write(f"{','.join(names)}\na.mp4,run,train,1,2\nb.mp4,walk,test,,\n"))
    found = [(r.name, r.label, r.split, r.start_seconds, r.end_seconds) for r in dataset.records]
    assert found == [("a.mp4", "run", "train", 1.0, 2.0), ("b.mp4", "walk", "test", None, None)]
    (said,) = dataset.warnings
    assert "of data.csv read by other names: " in said


def test_our_names_come_first(write):
    assert load_dataset(write("File Name,LABEL\na.mp4,run\nb.mp4,walk\n")).warnings == ()
    dataset = load_dataset(write("file_name,path,label,class\na.mp4,b.mp4,run,3\n"))
    assert [(r.name, r.label) for r in dataset.records] == [("a.mp4", "run")]
    assert dataset.warnings == ("unknown columns of data.csv ignored: path, class",)


def test_a_fold_is_no_split(write):
    dataset = load_dataset(write("file_name,label,fold\na.mp4,run,1\nb.mp4,walk,2\n"))
    assert not dataset.has_split
    assert "ignored: fold; rename fold to split if it holds train, val and test" in dataset.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\na.mp4,x\n", "no column 'file_name'; its first line must be"),
        ("file_name,kind\na.mp4,x\n", "no column 'label'; its first line must be file_name,label"),
        ("path,file,label\na.mp4,b.mp4,x\n", "'path' and 'file' could both be file_name; rename the one"),
        ("file_name,class,target\na.mp4,x,0\n", "'class' and 'target' could both be label; rename the one"),
        ("file_name,label,subset\na.mp4,x,1\n", "line 2: unknown split '1'; use train, val or test"),
        ("", "no column 'file_name'"),
        ("file_name,label,label\na.mp4,x,y\n", "column 'label' twice"),
        ("file_name,label\na.mp4,x\nb.mp4, \n", "line 3: label is blank"),
        ("file_name,label\n,x\n", "line 2: file_name is blank"),
        ("file_name,label,split\na.mp4,x,dev\n", "line 2: unknown split 'dev'; use train, val or test"),
        ("file_name,label,start\na.mp4,x,1:20\n", "line 2: start '1:20' is no number of seconds"),
        ("file_name,label,start\na.mp4,x,nan\n", "line 2: start 'nan'"),
        ("file_name,label,start\na.mp4,x,-1\n", "line 2: start '-1'"),
        ("file_name,label,end\na.mp4,x,inf\n", "line 2: end 'inf'"),
        ("file_name,label,start,end\na.mp4,x,3,2\n", "line 2: end 2 is not after start 3"),
        ("file_name,label,end\na.mp4,x,0\n", "line 2: end 0 is not after start 0"),
        ('file_name,label\n"a\nb.mp4",x\na.mp4,x,y\n', "line 4: 3 fields where the header has 2"),
        ('file_name,label\n"a.mp4,x\n', "check its quotes"),
        ("file_name,label\na.mp4,x\na.mp4,y\n", "lines 2 and 3 give 'a.mp4' different labels"),
        (
            "file_name,label,split\na.mp4,x,train\na.mp4,x,test\n",
            "lines 2 and 3 .* different labels or splits",
        ),
        ("file_name,label\ngone.mp4,x\n", "names no video that exists"),
        ("file_name,label\n", "names no video that exists"),
    ],
)
def test_refusals_name_the_place(write, text, message):
    with pytest.raises(UsageError, match=message) as error:
        load_dataset(write(text))
    assert "\n" not in str(error.value)


def test_other_encodings_are_refused(write):
    with pytest.raises(UsageError, match="not UTF-8 text; save it as"):
        load_dataset(write("file_name,label\na.mp4,Müll\n", "latin-1"))


safe = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=40
)
names = st.one_of(safe, safe.map(lambda s: f'{s}, "q"\nline'))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(names.map(lambda n: f"{n}.mp4"), min_size=1, max_size=4, unique=True))
def test_any_file_name_survives_a_round_trip(tmp_path_factory, file_names):
    folder = tmp_path_factory.mktemp("names")
    for name in file_names:
        (folder / name).touch()
    with open(folder / "data.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([("file_name", "label"), *((name, "x") for name in file_names)])
    dataset = load_dataset(folder / "data.csv")
    assert [r.name for r in dataset.records] == file_names
    assert all(r.path.is_file() for r in dataset.records)
